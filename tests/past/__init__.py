"""A written past of months, for the bench and the pictures: nobody waits a year for a chart. What it hangs on may be real or made up."""
