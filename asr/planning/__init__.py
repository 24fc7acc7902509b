"""What a run will take, before it starts: hours, memory, disk, money; command ``plan``."""
