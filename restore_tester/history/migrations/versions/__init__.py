"""One file per revision, oldest first. A revision names its columns itself: what `tables` says today may not change what was."""
