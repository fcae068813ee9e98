"""The operator's console under ``/console``: the fleet, a battery's day, what is sold, and what needs somebody."""
