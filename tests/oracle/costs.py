#!/usr/bin/env python3
"""What intervals of GPU time cost, by an implementation that shares nothing with the project's own.

It makes random intervals, says what each of them costs and what falls on each day of a time zone, and prints both for a
database to be compared with (tests/tests/costs/oracle.rs). The arithmetic is that of `decimal`, tried on every hundredth
interval against `fractions`; the days are those of `zoneinfo`. Only the standard library is used.

The rules, as docs/costs.md states them:
- C(t), the cost from an interval's start to t, is hourly rate x GPUs x billed time, rounded once to ten places, a tie to
  the even neighbour. Billed time is 0 for no time, else at least the minimum, rounded up to the granularity.
- A part [a, b) costs C(b) - C(a).
- A day of a zone begins where Postgres reads its midnight: one that comes twice is the second one, one that never comes
  is the moment at which clocks jump over it.

Output, a line each, fields separated by tabs, the first of which says what it is:
  span      zone, since, until, seconds          local time is UTC plus so many seconds from one instant to another
  interval  number, zone, since, until, hourly rate, GPUs, granularity, minimum, cost, tie, in the ledger
  day       zone, day, amount                    what the intervals of the ledger cost on that day of their zone
Times are UTC, granularity and minimum are microseconds, tie says that the exact cost was half-way between two amounts.
"""

import argparse
import random
import sys
from bisect import bisect_right
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, getcontext
from fractions import Fraction
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# A tie, or an amount, ends after some 35 digits; whatever does not end lies at least 10^-20 away from a tie. So a quotient
# of 80 digits is rounded as the exact one is.
getcontext().prec = 80

TEN_PLACES = Decimal("1e-10")
HALF = Decimal("0.5e-10")
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# What zones do in these years is settled. At the end of 2011 Apia left out a day.
FIRST_DAY, LAST_DAY = date(2011, 12, 1), date(2026, 12, 31)
# No amount of the ledger is larger, no price of an interval there, and no number of GPUs.
LARGEST_AMOUNT = Decimal("9999999999.9999999999")

ZONES = """
UTC Africa/Cairo Africa/Juba Africa/Khartoum Africa/Sao_Tome America/Asuncion America/Caracas America/Havana America/Los_Angeles
America/New_York America/Santiago America/Sao_Paulo America/Scoresbysund America/St_Johns Antarctica/Casey Antarctica/Troll
Asia/Amman Asia/Beirut Asia/Damascus Asia/Kathmandu Asia/Pyongyang Asia/Tehran Atlantic/Azores Australia/Adelaide
Australia/Lord_Howe Europe/Berlin Europe/Dublin Europe/Istanbul Europe/London Europe/Moscow Pacific/Apia Pacific/Auckland
Pacific/Chatham Pacific/Fiji Pacific/Kiritimati Pacific/Norfolk Pacific/Tongatapu
""".split()


def micros(instant):
    """Microseconds from the epoch to an instant."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def text(at):
    """An instant as a database reads it."""
    return (EPOCH + timedelta(microseconds=at)).isoformat()


class Zone:
    """A time zone: when its days begin, and when its clocks are changed."""

    def __init__(self, name):
        self.name = name
        self.info = ZoneInfo(name)
        self.days = [FIRST_DAY + timedelta(days=number) for number in range(-2, (LAST_DAY - FIRST_DAY).days + 3)]
        self.starts = [self.start(day) for day in self.days]
        self.spans = self.changes()
        self.jumps = [since for since, _, _ in self.spans[1:]]

    def start(self, day):
        # fold tells the two readings of a time apart that comes twice, or never.
        midnights = [datetime(day.year, day.month, day.day, fold=fold, tzinfo=self.info) for fold in (0, 1)]
        return max(micros(midnight) for midnight in midnights)

    def offset(self, at):
        return (EPOCH + timedelta(microseconds=at)).astimezone(self.info).utcoffset() // timedelta(seconds=1)

    def changes(self):
        """From when until when local time is how many seconds ahead of UTC. No zone changes that twice on one day."""
        since = at = self.starts[0]
        spans, seconds, end = [], self.offset(at), self.starts[-1]
        while at < end:
            low, high = at, min(at + DAY, end)
            at, after = high, self.offset(high)
            if after != seconds:
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if self.offset(middle) == seconds else (low, middle)
                spans.append((since, high, seconds))
                since, seconds = high, after
        return spans + [(since, end, seconds)]


class Rate:
    """How an interval is billed."""

    def __init__(self, hourly, gpus, granularity, minimum):
        self.hourly, self.gpus, self.granularity, self.minimum = hourly, gpus, granularity, minimum
        self.per_hour = hourly * gpus

    def billed(self, elapsed):
        if elapsed == 0:
            return 0
        billed = max(elapsed, self.minimum)
        if self.granularity:
            billed += -billed % self.granularity
        return billed

    def exact(self, elapsed):
        return self.per_hour * self.billed(elapsed) / HOUR

    def cost(self, elapsed):
        return self.exact(elapsed).quantize(TEN_PLACES, ROUND_HALF_EVEN)

    def cost_by_fractions(self, elapsed):
        """The same by another way: round() of a fraction takes a tie to the even neighbour."""
        return round(Fraction(self.hourly) * self.gpus * self.billed(elapsed) * 10**10 / HOUR)


class Draw:
    """Random intervals."""

    def __init__(self, seed, zones):
        self.random = random.Random(seed)
        self.zones = zones
        self.first, self.last = (
            micros(datetime(day.year, day.month, day.day, tzinfo=timezone.utc)) for day in (FIRST_DAY, LAST_DAY)
        )

    def duration(self):
        kind = self.random.random()
        if kind < 0.05:
            return 0
        if kind < 0.10:
            return self.random.randint(1, 10)
        if kind < 0.30:
            # Ties are at whole fractions of an hour.
            return self.random.randint(1, 60) * HOUR // self.random.choice((1, 2, 4, 8, 16, 1000))
        if kind < 0.303:
            return self.random.choice((400 * DAY, self.random.randint(1, 400 * DAY)))
        return int(10 ** self.random.uniform(3, 11.5))

    def near(self, zone):
        """An instant at which a day of the zone begins or its clocks change, or one beside it."""
        if zone.jumps and self.random.random() < 0.8:
            at = self.random.choice(zone.jumps)
            if self.random.random() < 0.5:
                at = zone.starts[bisect_right(zone.starts, at) - 1 + self.random.randint(0, 1)]
        else:
            at = self.random.choice(zone.starts)
        beside = self.random.choice((0, 0, 0, 1, -1, SECOND, -HOUR // 2, HOUR // 2, -HOUR, HOUR))
        return min(max(at + beside, self.first), self.last)

    def bounds(self, zone):
        kind, duration = self.random.random(), self.duration()
        if kind < 0.3:
            since = self.random.randint(self.first, self.last)
        elif kind < 0.5:
            since = self.near(zone)
        elif kind < 0.7:
            since = self.near(zone) - duration
        elif kind < 0.9:
            # Across it.
            since = self.near(zone) - int(duration * self.random.random())
        else:
            since, other = self.near(zone), self.near(zone)
            duration = abs(other - since) % (3 * DAY)
        since = min(max(since, self.first), self.last - duration)
        return since, since + duration

    def hourly(self):
        kind = self.random.random()
        if kind < 0.05:
            return Decimal(0)
        if kind < 0.12:
            return TEN_PLACES
        if kind < 0.22:
            return TEN_PLACES * self.random.randint(2, 1000)
        if kind < 0.65:
            return Decimal(self.random.randint(1, 2000)) / 100
        if kind < 0.93:
            return Decimal(self.random.randint(1, 10**12)) * TEN_PLACES
        if kind < 0.97:
            return Decimal(self.random.randint(10**5, 10**9))
        return Decimal(self.random.randint(1, 10**19)) * TEN_PLACES

    def gpus(self):
        kind = self.random.random()
        if kind < 0.6:
            return self.random.choice((1, 1, 2, 3, 4, 8))
        return 4096 if kind > 0.98 else 100 if kind > 0.95 else self.random.randint(0, 100)

    def rate(self):
        granularity = minimum = 0
        if self.random.random() < 0.25:
            granularity = self.random.choice((0, 1, 7, SECOND, 60 * SECOND, HOUR, DAY, self.random.randint(1, 3 * HOUR)))
            minimum = self.random.choice((0, 1, 60 * SECOND, 600 * SECOND, HOUR, self.random.randint(1, DAY)))
        return Rate(self.hourly(), self.gpus(), granularity, minimum)

    def interval(self):
        zone = self.random.choice(self.zones)
        return zone, *self.bounds(zone), self.rate()


def parts(zone, since, until, rate):
    """The days of the zone that an interval touches, and what falls on each: C(end) - C(begin)."""
    at, begin, before = bisect_right(zone.starts, since) - 1, since, Decimal(0)
    while begin < until:
        end = min(zone.starts[at + 1], until)
        # A day that the zone leaves out begins where the next one does.
        if end > begin:
            cost = rate.cost(end - since)
            yield zone.days[at], cost - before
            begin, before = end, cost
        at += 1


def main():
    arguments = argparse.ArgumentParser(description="Random intervals of GPU time, and what they cost.")
    arguments.add_argument("--seed", type=int, required=True)
    arguments.add_argument("--intervals", type=int, required=True)
    arguments = arguments.parse_args()
    try:
        zones = [Zone(name) for name in ZONES]
    except ZoneInfoNotFoundError as error:
        sys.exit(f"python3 has no time zones: {error}\nhint: install the package \"tzdata\"")

    out = sys.stdout
    for zone in zones:
        for since, until, seconds in zone.spans:
            out.write(f"span\t{zone.name}\t{text(since)}\t{text(until)}\t{seconds}\n")

    draw, amounts = Draw(arguments.seed, zones), defaultdict(Decimal)
    for number in range(arguments.intervals):
        zone, since, until, rate = draw.interval()
        elapsed = until - since
        exact = rate.exact(elapsed)
        cost = exact.quantize(TEN_PLACES, ROUND_HALF_EVEN)
        if number % 100 == 0 and cost * 10**10 != rate.cost_by_fractions(elapsed):
            sys.exit(f"the oracle contradicts itself: {vars(rate)} for {elapsed} microseconds costs {cost}")
        tie = abs(exact - cost) == HALF
        # The ledger knows no granularity and no minimum, and holds no row without an amount of its own size.
        in_ledger = not rate.granularity and not rate.minimum and cost <= LARGEST_AMOUNT and rate.hourly <= 10**9
        out.write(
            f"interval\t{number}\t{zone.name}\t{text(since)}\t{text(until)}\t{rate.hourly:f}\t{rate.gpus}\t"
            f"{rate.granularity} microseconds\t{rate.minimum} microseconds\t{cost:f}\t{tie}\t{in_ledger}\n"
        )
        if in_ledger:
            for day, amount in parts(zone, since, until, rate):
                amounts[zone.name, day] += amount
                cost -= amount
            if cost:
                sys.exit(f"the oracle contradicts itself: {cost} of interval {number} is on no day")
    for (name, day), amount in amounts.items():
        out.write(f"day\t{name}\t{day}\t{amount:f}\n")


if __name__ == "__main__":
    main()
