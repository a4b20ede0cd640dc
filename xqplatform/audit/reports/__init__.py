"""The month of the audit log on paper: who did how much of what, what somebody has to look at, and whether the log proves itself."""
