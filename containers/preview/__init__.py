"""What somebody sees before a release begins, beside the plan itself: facts from stored rows, none of which it waits for."""
