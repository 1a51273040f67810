"""An SQS client on a FIFO queue in memory that refuses all that AWS documents as refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BATCH_ENTRIES: Final = 10
MESSAGE_BYTES: Final = 1024 * 1024
"""Bytes of one message and of one batch, attributes included.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Any character that SQS takes in no body."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}")


class StrictSqs:
    """The calls of a job queue, with the limits and the character set of SQS.

    Every string of an entry counts as part of its size. AWS names only body and attributes, so
    that this is a little stricter.

    Attributes:
        bodies: the queued bodies, in order; a deduplication id is queued once.
        calls: the entries of every batch call that SQS took as a whole.
        refused: places in the next batch whose entries fail, while the call succeeds.
    """

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.calls: list[Sequence[Mapping[str, Any]]] = []
        self.refused: set[int] = set()
        self._seen: set[str] = set()

    def send_message_batch(
        self,
        QueueUrl: str,  # noqa: ARG002, N803 - as boto3 names them
        Entries: Sequence[Mapping[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        """Queue what may be queued, and report the rest as failed."""
        size = sum(map(_size, Entries))
        if size > MESSAGE_BYTES:
            _fail("BatchRequestTooLong", f"{size} bytes", "SendMessageBatch")
        answer = self._answer(Entries, "SendMessageBatch")
        failed = {one["Id"] for one in answer["Failed"]}
        for entry in Entries:
            assert _TOKEN.fullmatch(entry["MessageGroupId"])
            assert _TOKEN.fullmatch(entry["MessageDeduplicationId"])
            if forbidden := FORBIDDEN.search(entry["MessageBody"]):
                reason = f"holds {forbidden[0]!r}"
                answer["Failed"].append(
                    {"Id": entry["Id"], "Code": "InvalidMessageContents", "Message": reason}
                )
            elif entry["Id"] not in failed and entry["MessageDeduplicationId"] not in self._seen:
                self._seen.add(entry["MessageDeduplicationId"])
                self.bodies.append(entry["MessageBody"])
        return answer

    def delete_message_batch(
        self,
        QueueUrl: str,  # noqa: ARG002, N803
        Entries: Sequence[Mapping[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        """Take note of what is deleted."""
        return self._answer(Entries, "DeleteMessageBatch")

    def change_message_visibility_batch(
        self,
        QueueUrl: str,  # noqa: ARG002, N803
        Entries: Sequence[Mapping[str, Any]],  # noqa: N803
    ) -> dict[str, Any]:
        """Take note of what is delayed."""
        return self._answer(Entries, "ChangeMessageVisibilityBatch")

    def _answer(self, entries: Sequence[Mapping[str, Any]], call: str) -> dict[str, Any]:
        if not 1 <= len(entries) <= BATCH_ENTRIES:
            _fail("TooManyEntriesInBatchRequest", f"{len(entries)} entries", call)
        if len({entry["Id"] for entry in entries}) < len(entries):
            _fail("BatchEntryIdsNotDistinct", "an Id comes twice", call)
        self.calls.append(entries)
        failed = [
            {"Id": entries[place]["Id"], "Code": "InternalError", "Message": "try again"}
            for place in sorted(self.refused)
        ]
        self.refused = set()
        return {"Successful": [], "Failed": failed}


def _size(entry: Mapping[str, Any]) -> int:
    return sum(len(value.encode()) for value in entry.values())


def _fail(code: str, message: str, call: str) -> NoReturn:
    raise ClientError({"Error": {"Code": code, "Message": message}}, call)
