"""The clock's work: whatever nobody presses a button for."""

from blog.clock import Chore

CHORES: tuple[Chore, ...] = ()
