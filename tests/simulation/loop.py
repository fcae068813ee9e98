"""An asyncio event loop without real time, and processes that can die at any await.

When nothing is ready, time jumps to the next timer. What runs belongs to the `Life` of a process: once that is over,
none of its tasks takes another step, no ``finally`` and no ``except`` of theirs either, as after a SIGKILL. Work for
other threads is done at once, so that the order of everything follows from the seed.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any


class Stuck(Exception):
    """Nothing is ready and no timer runs."""


class Life:
    """One process from its start to its crash. ``fate`` is asked at every step of its tasks and may call `end`."""

    def __init__(self, name: str, fate: Callable[[str], None] = lambda _point: None) -> None:
        self.name = name
        self.alive = True
        self.context = contextvars.copy_context()
        self.context.run(LIFE.set, self)
        self._fate = fate

    def passes(self, point: str) -> None:
        """The process reaches a point at which it may die."""
        if self.alive:
            self._fate(point)

    def end(self) -> None:
        """Nothing of it runs any more."""
        self.alive = False

    async def point(self, name: str) -> None:
        """A named point at which it may die; if it does, this never returns."""
        self.passes(name)
        if not self.alive:
            await asyncio.get_running_loop().create_future()


LIFE: ContextVar[Life] = ContextVar("life")


class _Mortal(Coroutine[Any, Any, Any]):
    """A coroutine that stops where it is once its life is over."""

    def __init__(self, inner: Coroutine[Any, Any, Any], life: Life, loop: VirtualLoop) -> None:
        self._inner = inner
        self._life = life
        self._loop = loop

    def send(self, value: Any) -> Any:
        self._life.passes("step")
        return self._inner.send(value) if self._life.alive else self._hang()

    def throw(self, *error: Any) -> Any:
        if self._loop.is_over:
            raise error[0]
        return self._inner.throw(*error) if self._life.alive else self._hang()

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        raise TypeError("only a task runs this")

    def _hang(self) -> Any:
        forever = self._loop.create_future()
        # What `yield from` of a future sets: the task waits for it.
        forever._asyncio_future_blocking = True
        return forever


class _NoSockets:
    """What the event loop takes for a selector: it waits by moving the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck
        self._loop.now_s += timeout
        return []

    def close(self) -> None:
        """Nothing was opened."""


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. ``now_s`` is virtual time since the start; ``on_error`` hears what ended a process' task."""

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        super().__init__()
        self.on_error = on_error
        self.now_s = 0.0
        self.is_over = False
        self._selector = _NoSockets(self)
        self._tasks: list[tuple[asyncio.Task[Any], Coroutine[Any, Any, Any]]] = []
        self.set_task_factory(self._new_task)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now_s

    def run_in_executor(self, _executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Do the work at once, on this thread."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def start(self, life: Life, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` as a part of that process."""
        return self.create_task(work, context=life.context.copy())

    def finish(self) -> None:
        """Drop every task that is left, then close."""
        self.is_over = True
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        for _, inner in self._tasks:
            try:
                inner.close()
            except RuntimeError:
                # It awaited while it was closed, which a killed process does not either.
                continue
        self._tasks.clear()
        self.close()

    def _new_task(self, loop: Any, work: Any, **more: Any) -> asyncio.Task[Any]:
        context = more.get("context")
        life = LIFE.get(None) if context is None else context.get(LIFE)
        if life is None:
            return asyncio.Task(work, loop=loop, **more)
        task = asyncio.Task(_Mortal(work, life, self), loop=loop, **more)
        self._tasks.append((task, work))
        task.add_done_callback(lambda _: self._forget(task))
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.on_error(error)
        if not self.is_over and len(self._tasks) > 1_000:
            self._tasks = [entry for entry in self._tasks if not entry[0].done()]

    def _process_events(self, _events: list[Any]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """Nothing waits in a selector."""
