"""For whoever writes a part of sparky_nb or tests one: shipped, and imported by nothing in it."""
