# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""pairs - rows over many switches in which every two values of two switches meet, if they may."""
import itertools
import random


def rows(switches, allowed, at_least=0, seed=1):
    """switches: {name: [values]}; allowed(row): whether a row, which may lack switches, can be. Every pair that can be is in one of the rows; the
    same rows each time. More rows by lot, until there are at_least so many."""
    lot = random.Random(seed)
    names = list(switches)
    open_pairs = {frozenset(((a, x), (b, y))) for a, b in itertools.combinations(names, 2) for x in switches[a] for y in switches[b]}

    def complete(row):
        """The rest of the switches, each with the value that settles most pairs; None: there is no such row."""
        rest = [n for n in names if n not in row]
        lot.shuffle(rest)
        for name in rest:
            values = [v for v in switches[name] if allowed({**row, name: v})]
            if not values:
                return None
            lot.shuffle(values)
            row = {**row, name: max(values, key=lambda v: sum(frozenset(((name, v), item)) in open_pairs for item in row.items()))}
        return row

    def settle(row):
        open_pairs.difference_update(frozenset(p) for p in itertools.combinations(row.items(), 2))

    made = []
    while open_pairs:
        pair = min(open_pairs, key=lambda p: sorted((n, str(v)) for n, v in p))
        found = [r for r in (complete(dict(pair)) for _ in range(20) if allowed(dict(pair))) if r]
        if found:
            made.append(max(found, key=lambda r: sum(frozenset(p) in open_pairs for p in itertools.combinations(r.items(), 2))))
            settle(made[-1])
        open_pairs.discard(pair)
    while len(made) < at_least:
        row = complete({n: lot.choice(switches[n]) for n in lot.sample(names, 0)} or dict([(n, lot.choice(switches[n])) for n in [lot.choice(names)]]))
        if row and row not in made:
            made.append(row)
    return made
