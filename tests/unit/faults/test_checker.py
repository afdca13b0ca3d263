"""Each broken promise, planted in a run that is otherwise well, is found; and a run that is well is not blamed."""

from dataclasses import replace

from tests.faults import records
from tests.faults.database import DELETED, EDITED, JOINED, REACTION, Entry
from tests.faults.records import MessageState
from tests.unit.faults.run import ADA, BOB, ROOM, STAMP, Run, event, left, message


def test_a_run_in_which_all_is_well_has_no_violation() -> None:
    run = Run()
    for number in range(5):
        run.say(f"nonce-{number}")
    verdict = run.verdict()
    assert verdict.violations == []
    assert (verdict.acknowledged, verdict.delivered, verdict.losses) == (5, 10, 0)


# C1


def test_an_acknowledged_message_that_is_not_stored_is_found() -> None:
    run = Run()
    run.say("kept-1")
    run.seen += [records.Attempt(20, "a1", ROOM, "lost-1", 0), records.Acked(21, "a1", ROOM, "lost-1", 5)]
    verdict = run.verdict()
    assert set(verdict.by_claim) == {"C1"}
    assert verdict.losses == 1


def test_a_message_that_an_entitled_device_never_got_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.say("second-1", "a1")
    verdict = run.verdict()
    assert [str(violation) for violation in verdict.violations] == [
        "C1: b1 (bob) never got room #5; it has 4 of 5",
    ]
    assert verdict.losses == 1


def test_a_message_that_is_skipped_is_found_as_loss_and_as_gap() -> None:
    run = Run()
    run.say("first-1", "a1")
    run.say("second-1")
    assert run.claims() == {"C1", "C3"}


def test_an_event_that_is_not_in_the_log_is_found() -> None:
    run = Run()
    run.seen.append(event(message(4, 1, "ghost-1"), "b1", 20))
    assert "C1" in run.claims()


def test_an_acknowledged_edit_that_is_not_stored_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.seen.append(records.Changed(20, "a1", ROOM, 9))
    assert run.claims() == {"C1"}


def test_not_being_caught_up_at_the_end_is_a_violation() -> None:
    run = Run()
    run.seen.append(records.Settled(30, False, "b1 is offline"))
    assert run.claims() == {"C1"}


def test_a_device_that_reset_and_loaded_history_has_lost_nothing() -> None:
    run = Run()
    first = run.say("first-1", "a1")
    run.seen.append(records.RoomReset(20, "b1", 1, ROOM, 4))
    run.seen.append(event(first, "b1", 20, source="history"))
    run.say("second-1")
    assert run.claims() == set()


# C2


def test_a_nonce_that_is_stored_twice_is_found() -> None:
    run = Run()
    run.say("same-1")
    run.store(message(5, 2, "same-1"), "a1", "b1")
    assert run.claims() == {"C2"}


def test_an_event_that_is_shown_twice_is_found() -> None:
    run = Run()
    entry = run.say("once-1")
    run.seen.append(event(entry, "b1", 20))
    assert run.claims() == {"C2"}


def test_an_event_that_came_twice_and_was_dropped_is_only_counted() -> None:
    run = Run()
    entry = run.say("once-1")
    run.seen.append(event(entry, "b1", 20, shown=False))
    verdict = run.verdict()
    assert verdict.holds
    assert verdict.repeats == 1


def test_two_different_acknowledgements_of_one_nonce_are_found() -> None:
    run = Run()
    run.say("one-1")
    run.say("two-1")
    run.seen.append(records.Acked(20, "a1", ROOM, "one-1", 5))
    assert run.claims() == {"C1", "C2"}


# C3


def test_a_gap_in_the_stored_log_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.log[-1] = replace(run.log[-1], seq=5)
    assert "C3" in run.claims()


def test_a_gap_on_the_wire_is_found_although_the_client_repaired_it() -> None:
    run = Run()
    first, second = run.say("first-1", "a1"), run.say("second-1", "a1")
    run.seen += [
        event(second, "b1", 20, shown=False),
        records.Synced(20, "b1", 1, ROOM, 3),
        event(first, "b1", 21),
        event(second, "b1", 21),
    ]
    assert run.claims() == {"C3"}


def test_two_clients_with_different_events_under_one_seq_are_found() -> None:
    run = Run()
    run.say("first-1", "a1")
    run.seen.append(event(run.log[-1], "b1", 20, digest="other"))
    assert run.claims() == {"C3"}


def test_an_entry_that_was_replaced_after_clients_got_it_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.log[-1] = replace(run.log[-1], stamp="2026-11-26T12:00:09.000Z")
    assert run.claims() == {"C3"}


def test_a_sender_whose_later_message_comes_earlier_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.say("second-1")
    for record in run.seen:
        if isinstance(record, records.Acked | records.Event) and record.nonce is not None:
            record.nonce = {"first-1": "second-1", "second-1": "first-1"}[record.nonce]
    run.log[3:] = [replace(run.log[3], nonce="second-1"), replace(run.log[4], nonce="first-1")]
    run.seen = [record for record in run.seen if not isinstance(record, records.Attempt | records.Acked)]
    run.seen += [
        records.Attempt(30, "a1", ROOM, "first-1", 0),
        records.Acked(31, "a1", ROOM, "first-1", 5),
        records.Attempt(32, "a1", ROOM, "second-1", 0),
        records.Acked(33, "a1", ROOM, "second-1", 4),
    ]
    assert run.claims() == {"C3"}


# C4


def test_a_send_that_was_never_answered_is_found() -> None:
    run = Run()
    run.seen.append(records.Attempt(20, "a1", ROOM, "open-1", 0))
    assert run.claims() == {"C4"}


def test_a_refused_send_that_is_stored_is_found() -> None:
    run = Run()
    run.store(message(4, 1, "refused-1"), "a1", "b1")
    run.seen += [
        records.Attempt(20, "a1", ROOM, "refused-1", 0),
        records.Refused(21, "a1", ROOM, "refused-1", "not_found", True),
    ]
    assert run.claims() == {"C4"}


def test_a_refused_send_that_is_not_stored_is_well() -> None:
    run = Run()
    run.seen += [
        records.Attempt(20, "a1", ROOM, "refused-1", 0),
        records.Refused(21, "a1", ROOM, "refused-1", "not_found", True),
    ]
    assert run.claims() == set()


# C5


def test_an_event_given_to_one_who_was_removed_is_found() -> None:
    run = Run()
    run.store(left(4, 0), "a1", "b1")
    run.say("secret-1", "a1")
    run.seen.append(event(run.log[-1], "b1", 20, shown=False))
    assert run.claims() == {"C5"}


def test_an_entry_by_one_who_was_no_member_is_found() -> None:
    run = Run()
    run.store(left(4, 0), "a1", "b1")
    run.store(message(5, 1, "intruder-1", BOB), "a1")
    assert run.claims() == {"C5"}


def test_one_who_was_removed_and_added_again_needs_only_what_is_theirs() -> None:
    run = Run()
    run.store(left(4, 0), "a1", "b1")
    run.say("between-1", "a1")
    run.log.append(Entry(ROOM, 6, JOINED, ADA, 1, STAMP, user=BOB))
    run.seen.append(records.RoomStart(20, "b1", 1, ROOM, 5))
    run.seen += [event(run.log[-1], device, 20) for device in ("a1", "b1")]
    run.say("after-1")
    assert run.claims() == set()


def test_one_who_came_back_while_away_loads_also_what_they_missed_between() -> None:
    run = Run()
    away = [left(4, 0), message(5, 1, "between-1"), Entry(ROOM, 6, JOINED, ADA, 1, STAMP, user=BOB)]
    for entry in away:
        run.store(entry, "a1")
    run.seen.append(records.RoomReset(20, "b1", 1, ROOM, 6))
    run.seen += [event(entry, "b1", 20, source="history") for entry in away]
    run.say("after-1", "a1")
    assert run.claims() == {"C1"}
    run.seen.append(event(run.log[-1], "b1", 30))
    assert run.claims() == set()


# C6


def test_an_edit_that_one_device_does_not_show_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.change(EDITED, 4, body="better")
    run.log[3] = replace(run.log[3], state=MessageState("better"))
    assert run.claims() == set()
    shown = next(r for r in run.seen if isinstance(r, records.Event) and r.device == "b1" and r.type == EDITED)
    shown.type = "room.changed"
    assert "C6" in run.claims()


def test_a_reaction_that_is_not_in_the_stored_message_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.change(REACTION, 4, emoji="+", on=True)
    assert run.claims() == {"C6"}
    run.log[3] = replace(run.log[3], state=MessageState("hello", reactions=[("+", ADA)]))
    assert run.claims() == set()


def test_a_deleted_message_that_is_still_stored_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.change(DELETED, 4)
    assert run.claims() == {"C6"}


# C7


def test_an_unread_count_that_is_not_head_minus_read_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.say("second-1")
    run.seen.append(records.Unread(30, "b1", ROOM, 5, 2, 2, 3))
    assert run.claims() == set()
    run.seen.append(records.Unread(30, "b1", ROOM, 5, 2, 1, 3))
    assert run.claims() == {"C7"}


def test_a_read_mark_that_got_lost_is_found() -> None:
    run = Run()
    run.say("first-1")
    run.seen.append(records.ReadMark(30, "b1", ROOM, 4))
    assert run.claims() == {"C7"}


def test_a_wrong_count_of_messages_in_the_log_is_found() -> None:
    run = Run()
    run.say("first-1", n=2)
    assert run.claims() == {"C7"}


# C8


def test_an_acknowledgement_without_a_quorum_is_found() -> None:
    run = Run()
    run.seen.append(records.Quorum(run.tick(), False))
    run.say("alone-1")
    assert run.claims() == set(), "as long as the quorum never comes back there is no window to judge"
    run.seen.append(records.Quorum(run.tick(), True))
    assert run.claims() == {"C8"}


def test_an_acknowledgement_of_what_was_said_before_the_quorum_was_lost_is_well() -> None:
    run = Run()
    run.say("before-1")
    acked = next(record for record in run.seen if isinstance(record, records.Acked))
    run.seen += [records.Quorum(acked.at - 0.01, False), records.Quorum(acked.at + 1, True)]
    assert run.claims() == set()
