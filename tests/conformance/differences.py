"""Known differences of a target from AWS: tests that fail there, and why.

Each test named here must fail; one that passes again fails the run, so the table stays true.
"""

from __future__ import annotations

from typing import Final

# MiniStack 1.5.33, the gateway of `services/apigateway.py`.
_MINISTACK = {
    "test_refusal_passes_the_status_but_not_the_body": "every refusal is 403",
    "test_exception_gives_502": "every refusal is 403",
    "test_result_without_a_status_gives_502": "every refusal is 403",
    "test_subprotocol_comes_from_the_handler": "no subprotocol is ever selected",
    "test_other_paths_are_forbidden": "whatever follows the API's id leads to it",
    "test_connection_id_looks_like_one_of_aws": "ids are 16 hexadecimal digits",
    "test_connect_headers_keep_their_case": "names are in lower case, the upgrade's included",
    "test_connect_has_the_headers_of_the_gateway": "it adds no headers",
    "test_query_is_absent_without_one": "the keys are there, with null",
    "test_only_messages_have_a_body": "all events have a body, an empty one if need be",
    "test_request_id_looks_like_one_of_aws": "requestId and extendedRequestId are two UUIDs",
    "test_only_messages_have_a_message_id": "messageId is the requestId",
    "test_connected_at_stays": "connectedAt is the time of each event",
    "test_request_time_and_direction": "there is no messageDirection",
    "test_identity_is_the_client": "a client without a user agent has an empty one",
    "test_disconnect_headers": "DISCONNECT has no headers",
    "test_disconnect_code_and_reason": "a client's close is reported as 1006, without its reason",
    "test_close_of_a_client_is_reported": "a client's close is reported as 1006",
    "test_exception_is_an_error_frame": "the frame is the exception's own text",
    "test_slow_handler_is_timed_out": "it waits as long as the function runs",
    "test_returned_body_is_dropped": "a returned body is always sent",
    "test_messages_of_one_connection_run_side_by_side": "one message is handled after the other",
    "test_binary_frame_closes_with_1003": "bytes are decoded and handled as text",
    "test_frame_of_32_kb_passes_and_no_more": "frames of any length are handled",
    "test_message_of_128_kb_passes_and_no_more": "messages of any length are handled",
    "test_post_of_128_kb_passes_and_no_more": "posts of any length are sent",
    "test_idle_connection_closes_with_1001": "connections may be idle for ever",
    "test_old_connection_closes_with_1001": "connections may live for ever",
    "test_get_describes_the_connection": "keys begin with capitals, times are whole seconds",
    "test_delete_closes_with_1000": "$disconnect is told 1005",
    "test_unknown_connection_is_gone": "the answer has a body",
    "test_malformed_id_is_a_bad_request": "a malformed id is gone like any other",
    "test_other_stage_is_forbidden": "any stage will do, and none is 404",
    "test_unsigned_call_is_forbidden": "signatures are not asked for",
}

KNOWN: Final[dict[str, dict[str, str]]] = {"aws": {}, "local": {}, "ministack": _MINISTACK}
"""For each target: the names of tests, and why they fail."""
