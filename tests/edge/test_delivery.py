import itertools

import pytest
from samples import episode, summary

from edge.delivery import FIRST_WAIT_S, LONGEST_WAIT_S, RATE, WAITING, Delivery
from edge.messages import Receipt
from edge.outbox import Outbox

BOOT = "a" * 32


@pytest.fixture
def outbox(tmp_path):
    box = Outbox(tmp_path, BOOT)
    box._database.execute("PRAGMA synchronous = OFF")
    yield box
    box.close()


def fill(outbox, count):
    for _ in range(count):
        outbox.append(summary)


def alarm(outbox, name, phases=("onset", "end")):
    for phase in phases:
        outbox.append(lambda seq, phase=phase: episode(seq, name * 32, phase))


def receipt(upto, *gaps):
    return Receipt(boot_id=BOOT, upto_seq=upto, gaps=gaps)


def numbers(entries):
    return [entry.seq for entry in entries]


def test_new_messages_go_at_once_and_once(outbox):
    delivery = Delivery(outbox, 0.0)
    assert delivery.due(0.1) == []
    fill(outbox, 2)
    assert numbers(delivery.due(0.2)) == [1, 2]
    assert delivery.due(0.3) == []


def test_after_an_outage_the_newest_episode_goes_first(outbox):
    fill(outbox, 3)
    alarm(outbox, "1")
    fill(outbox, 1)
    alarm(outbox, "2", ("onset", "update"))
    fill(outbox, 1)
    delivery = Delivery(outbox, 0.0)
    sent = []
    for tick in range(200):
        entries = numbers(delivery.due(tick * 0.01))
        sent += entries
        outbox.receive(receipt(0))
    assert sent[:2] == [7, 8]
    assert sent[2:] == [1, 2, 3, 4, 5, 6, 9]


def test_the_backlog_goes_at_a_bounded_rate_and_live_messages_pass_it(outbox):
    fill(outbox, 1000)
    delivery = Delivery(outbox, 0.0)
    sent, now = [], 0.0
    while now < 2.0:
        now += 0.1
        entries = numbers(delivery.due(now))
        sent += entries
        outbox.receive(receipt(max(sent)))
        delivery.on_receipt(receipt(max(sent)), now)
    assert RATE <= len(sent) <= 2.2 * RATE
    assert sent == sorted(sent)
    alarm(outbox, "3", ("onset",))
    assert 1001 in numbers(delivery.due(now + 0.1))


def test_the_backlog_waits_for_receipts(outbox):
    fill(outbox, 200)
    delivery = Delivery(outbox, 0.0)
    sent = [entry for tick in range(90) for entry in delivery.due(tick * 0.1)]
    assert len(sent) == WAITING


def test_without_receipt_it_goes_again_ever_less_often(outbox):
    fill(outbox, 1)
    delivery = Delivery(outbox, 0.0)
    times = [tick / 10 for tick in range(1500) if delivery.due(tick / 10)]
    pauses = [round(b - a, 1) for a, b in itertools.pairwise(times)]
    assert pauses[0] == pytest.approx(FIRST_WAIT_S, abs=0.2)
    assert all(pause <= LONGEST_WAIT_S + 0.2 for pause in pauses)
    assert pauses[-1] == pytest.approx(LONGEST_WAIT_S, abs=0.2)


def test_a_gap_goes_again_soon_but_not_while_it_may_be_on_its_way(outbox):
    fill(outbox, 3)
    delivery = Delivery(outbox, 0.0)
    assert delivery.due(1.0)
    delivery.due(1.1)
    outbox.receive(receipt(3, (2, 2)))
    delivery.on_receipt(receipt(3, (2, 2)), 1.2)
    assert delivery.due(1.3) == []
    delivery.on_receipt(receipt(3, (2, 2)), 4.0)
    assert numbers(delivery.due(4.1)) == [2]
    assert delivery.waiting == 1


def test_a_receipt_ends_the_repeats(outbox):
    fill(outbox, 3)
    delivery = Delivery(outbox, 0.0)
    for tick in range(10):
        delivery.due(tick * 0.1)
    outbox.receive(receipt(3))
    delivery.on_receipt(receipt(3), 1.0)
    assert delivery.waiting == 0
    assert [entry for tick in range(600) for entry in delivery.due(1 + tick * 0.1)] == []


def test_the_newest_episode_is_among_every_repeat(outbox):
    fill(outbox, 3 * WAITING)
    delivery = Delivery(outbox, 0.0)
    fill(outbox, 3 * WAITING)
    alarm(outbox, "4", ("onset",))
    newest = 6 * WAITING + 1
    rounds = [numbers(delivery.due(tick / 10)) for tick in range(900)]
    assert sum(newest in entries for entries in rounds) >= 3


def test_everything_arrives_where_every_other_message_is_lost(outbox):
    fill(outbox, 120)
    alarm(outbox, "5")
    delivery = Delivery(outbox, 0.0)
    held, turn = set(), 0
    for tick in range(3000):
        now = tick * 0.1
        for entry in delivery.due(now):
            turn += 1
            if turn % 2:
                held.add(entry.seq)
        if held and tick % 3 == 0:
            missing = [n for n in range(1, max(held)) if n not in held]
            answer = receipt(max(held), *((n, n) for n in missing[:12]))
            if len(missing) > 12:
                answer = receipt(missing[12] - 1, *((n, n) for n in missing[:12]))
            outbox.receive(answer)
            delivery.on_receipt(answer, now)
    assert held == set(range(1, 123))
    assert len(outbox) == 0
