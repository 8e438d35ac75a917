"""The ground floor: what an escalation policy means. Pure: no I/O, no clock, no vendor's name."""
