"""RUDDER with a table against its rivals, and why delay is hard: the tables."""
