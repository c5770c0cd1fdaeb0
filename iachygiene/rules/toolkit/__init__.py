"""The rules of the toolkit itself: files that cannot be judged, suppressions."""
