"""A room of docs/protocol.md from the server's side, in memory, for tests of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fanfare_client.effects import Frame


def user(name: str) -> Frame:
    """A user, as frames show one."""
    return {"userId": f"id-of-{name}", "username": name}


class ProtocolRoom:
    """The messages of one room, and what it answers.

    Attributes:
        log: every message of the epoch; the place tells the seq.
        kept_from: the lowest seq that is not expired.
        page: messages in one answer.
    """

    def __init__(self, name: str = "tea", page: int = 3) -> None:
        self.name, self.page = name, page
        self.epochs = 0
        self.restart()

    def restart(self) -> None:
        """Begin a new epoch."""
        self.epochs += 1
        self.epoch = f"epoch{self.epochs}"
        self.log: list[Frame] = []
        self.kept_from = 1
        self.numbers: dict[tuple[str, str], int] = {}

    @property
    def seq(self) -> int:
        """The newest message's number."""
        return len(self.log)

    def say(self, sender: Frame, id_: str, text: str) -> Frame | None:
        """Number a message and return it, or None if that id has its number already."""
        if (sender["userId"], id_) in self.numbers:
            return None
        data = {"type": "chat", "message": text, **sender, "timestamp": "2026-11-24T09:30:00.000Z"}
        message = {
            "type": "message",
            "room": self.name,
            "seq": self.seq + 1,
            "epoch": self.epoch,
            "id": id_,
            "data": data,
        }
        self.log.append(message)
        self.numbers[sender["userId"], id_] = self.seq
        return message

    def find(self, sender: Frame, id_: str) -> bool:
        """Look for a message that is sent again where it may still be: in the history.

        What was found is known again, however long ago it was numbered.
        """
        for message in self.log[self.kept_from - 1 :]:
            if (message["data"]["userId"], message["id"]) == (sender["userId"], id_):
                self.numbers[sender["userId"], id_] = message["seq"]
                return True
        return False

    def ack(self, sender: Frame, id_: str) -> Frame:
        """Tell which number an id has."""
        seq = self.numbers[sender["userId"], id_]
        return {"type": "ack", "room": self.name, "id": id_, "seq": seq, "epoch": self.epoch}

    def joined(self, you: Frame, since: int | None = None, epoch: str | None = None) -> Frame:
        """Answer a `join`."""
        answer: dict[str, Any] = {
            "type": "joined",
            "room": self.name,
            "seq": self.seq,
            "epoch": self.epoch,
            "members": 1,
            "you": you,
            "recovered": True,
            "messages": [],
        }
        if since is None:
            return answer
        if epoch != self.epoch:
            return {**answer, "recovered": False, "reason": "epoch"}
        first = max(since + 1, self.kept_from)
        answer["messages"] = self.log[first - 1 : first - 1 + self.page]
        if first > since + 1:
            return {**answer, "recovered": False, "reason": "expired"}
        if first - 1 + len(answer["messages"]) < self.seq:
            return {**answer, "recovered": False, "reason": "more"}
        return answer

    def history(
        self, after: int | None = None, before: int | None = None, limit: int = 50
    ) -> Frame:
        """Answer a `history`."""
        limit = min(limit, self.page)
        kept = self.log[self.kept_from - 1 :]
        if after is not None:
            found = [message for message in kept if message["seq"] > after]
            page = found[:limit]
        else:
            found = [message for message in kept if before is None or message["seq"] < before]
            page = found[-limit:]
        return {
            "type": "history",
            "room": self.name,
            "epoch": self.epoch,
            "messages": page,
            "more": len(found) > len(page),
        }
