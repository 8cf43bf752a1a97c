"""Sums what promise.sh judged: lines "promise seed <JSON of armwatch evaluate>" on stdin. Exits with 1 if a promise is
broken: if the rate is above it beyond chance, which is when its exact lower 95 % Poisson limit is."""
import json, math, random, sys


def poisson_cdf(count, mean):
    """P(X <= count)."""
    if mean == 0:
        return 1.0
    return math.fsum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(count + 1))


def solve(decreasing, target):
    """Where a function that falls from 1 to 0 over the means is `target`."""
    low, high = 0.0, 1.0
    while decreasing(high) > target:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if decreasing(middle) > target else (low, middle)
    return (low + high) / 2


def limits(count):
    """Garwood's: each is passed by the true mean with a chance of at most 5 %."""
    lower = solve(lambda mean: poisson_cdf(count - 1, mean), 0.95) if count else 0.0
    return lower, solve(lambda mean: poisson_cdf(count, mean), 0.05)


def limits_over_sessions(counts, days):
    """Where a few sessions have most of the alarms, Poisson's limits are too narrow: sessions drawn anew, 5 and 95 %."""
    draw = random.Random(1)
    rates = sorted(sum(draw.choices(counts, k=len(counts))) / days for _ in range(4000))
    return rates[200], rates[3799]


def main():
    judged = {}
    for line in sys.stdin:
        promise, seed, figures = line.split(" ", 2)
        judged.setdefault(float(promise), []).append((int(seed), json.loads(figures)))
    broken = False
    for promise, sessions in judged.items():
        alarms = sum(f["false_alarms"] for _, f in sessions)
        days = math.fsum(f["healthy_hours"] for _, f in sessions) / 24
        noisy = sorted((f["false_alarms"], seed) for seed, f in sessions if f["false_alarms"])
        lower, upper = (limit / days for limit in limits(alarms))
        holds = lower <= promise
        broken |= not holds
        print(f"promised {promise:g} a day: realised {alarms / days:.3g} a day, {alarms / days / promise:.2f} of it "
              f"({alarms} false alarms in {24 * days:.1f} h = {days:.2f} days)")
        print(f"    95 % Poisson limits {lower:.3g} and {upper:.3g} a day: the promise {'holds' if holds else 'is BROKEN'}")
        low, high = limits_over_sessions([f["false_alarms"] for _, f in sessions], days)
        print(f"    if sessions, not alarms, come by chance: {low:.3g} and {high:.3g} a day")
        print(f"    {len(noisy)} of {len(sessions)} sessions have a false alarm"
              + (f"; the most, {noisy[-1][0]}, has session seed {noisy[-1][1]}" if noisy else ""))
    sys.exit(broken)


if __name__ == "__main__":
    main()
