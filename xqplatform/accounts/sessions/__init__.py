"""Log-in sessions: who has which, how long they last, how they end, and what ends with them."""
