"""Who looks at which ticket, when. A queue carries ticket keys only; the tables hold the truth."""
