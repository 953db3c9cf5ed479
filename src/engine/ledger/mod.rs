//! The ledger on disk: a branch of its own in a git repository, a folder elsewhere.
