"use strict";
// What pages do better with a script: copy commands, and narrow a long table while typing. Nothing depends on it.

for (const button of document.querySelectorAll("button.copy")) {
  const code = button.parentElement.querySelector("code");
  const word = button.textContent;
  if (!navigator.clipboard || !code) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = word; }, 2000);
  });
}

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").replace(/đ/gi, "d").toLowerCase();

for (const input of document.querySelectorAll("input[data-narrows]")) {
  const table = document.getElementById(input.dataset.narrows);
  if (!table) continue;
  const rows = [...table.tBodies[0].rows].map((row) => [row, plain(row.textContent)]);
  input.addEventListener("input", () => {
    const wanted = plain(input.value.trim());
    for (const [row, text] of rows) row.hidden = !text.includes(wanted);
  });
}
