"""How read models are filled, one subject a module. Only `queries` calls here, with a `Sight` of what is in scope."""
