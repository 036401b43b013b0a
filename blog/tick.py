"""The clock's work: whatever nobody presses a button for."""

from blog.clock import Chore, House
from blog.keeping import schedule


async def back_up(house: House) -> None:
    await schedule.look_after(house.config, house.database)


CHORES: tuple[Chore, ...] = (Chore("back up", schedule.LOOK, back_up),)
