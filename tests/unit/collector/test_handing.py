"""What the desk has done comes to whoever waits for it in the event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from vonggac_collector.api.agent import Handing


def test_everybody_who_waits_gets_the_result_of_their_own_work() -> None:
    async def run() -> list[int | BaseException]:
        handing = Handing()
        works: list[Future[int]] = [Future() for _ in range(500)]

        def do() -> None:
            for n, work in enumerate(works):
                if n % 10 == 3:
                    work.set_exception(KeyError(n))
                else:
                    work.set_result(n)

        waiting = [asyncio.ensure_future(handing.wait(work)) for work in works]
        await asyncio.sleep(0)
        waiting[7].cancel()
        done = threading.Thread(target=do)
        done.start()
        found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)
        done.join()
        return found

    for n, result in enumerate(asyncio.run(run())):
        if n == 7:
            assert isinstance(result, asyncio.CancelledError)
        elif n % 10 == 3:
            assert isinstance(result, KeyError)
        else:
            assert result == n


def test_the_loop_is_woken_once_for_what_is_done_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> int:
        handing, woken = Handing(), []
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda work: woken.append(wake(work)))
        works: list[Future[int]] = [Future() for _ in range(50)]
        waiting = [asyncio.ensure_future(handing.wait(work)) for work in works]
        await asyncio.sleep(0)
        for work in works:
            work.set_result(1)
        assert await asyncio.gather(*waiting) == [1] * 50
        return len(woken)

    assert asyncio.run(run()) == 1


def test_work_that_is_done_after_the_loop_ended_disturbs_nobody() -> None:
    async def begin() -> Future[int]:
        work: Future[int] = Future()
        waiting = asyncio.ensure_future(Handing().wait(work))
        await asyncio.sleep(0)
        waiting.cancel()
        return work

    asyncio.run(begin()).set_result(1)
