"""An outage, played in virtual time on the production walk: what it is, how it is played, and how it is told."""
