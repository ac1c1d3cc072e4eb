"""One file a dataset: each reads its original distribution format and lists items, decoding nothing."""
