"""One module a revision. Once it has been released it is never changed; a new one follows it."""
