"""The pages, one module each: a pure function from a read model to what its template needs, and the routes below it."""
