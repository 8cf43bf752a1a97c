#!/usr/bin/python3
"""A simulation of a large fleet: how evenly partitions load instances, and what a takeover adds to the others.

balance.py [--robots N] [--hz N] [--cost-us US] [--fill SHARE] [--seed N]. Every figure is simulated.
"""
import argparse
import random
import statistics

COUNTS = (24, 48, 96, 192, 256)
FNV_BASE, FNV_PRIME = 2166136261, 16777619


def partition_of(name, count):
    value = FNV_BASE
    for byte in name.encode():
        value = (value ^ byte) * FNV_PRIME & 0xFFFFFFFF
    return value % count


def share_out(count, instances):
    """Partitions of each, as many as are fair: the larger shares first."""
    return [count // instances + (i < count % instances) for i in range(instances)]


def loads_of(robots, count, instances, rng):
    """Robots of each instance; which partitions it has is chance."""
    sizes = [0] * count
    for name in robots:
        sizes[partition_of(name, count)] += 1
    order = list(range(count))
    rng.shuffle(order)
    loads, at = [], 0
    for number in share_out(count, instances):
        loads.append(sum(sizes[p] for p in order[at:at + number]))
        at += number
    return sizes, loads


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--robots", type=int, default=10000)
    parser.add_argument("--hz", type=float, default=100)
    parser.add_argument("--cost-us", type=float, default=100, help="processor time of a sample in an instance")
    parser.add_argument("--fill", type=float, default=0.5, help="share of a processor that an instance may need")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    rate = args.robots * args.hz
    needed = rate * args.cost_us / 1e6
    instances = max(int(-(-needed // args.fill)), -(-args.robots // 1000))
    print(f"{args.robots} robots at {args.hz:g} Hz: {rate:.0f} samples a second, {args.cost_us:g} us each: {needed:.1f} processors "
          f"of work, {instances} instances at {args.fill:.0%} of a processor each (and 1000 robots at most)")
    print("all figures simulated; load 1.00: what is fair\n")
    print(f"{'partitions':>10}{'robots of one':>18}{'each instance':>20}{'after a death':>20}{'of a processor':>16}{'in use':>8}")
    for count in COUNTS:
        if count < instances:
            print(f"{count:>10}  fewer than instances: {instances - count} would have nothing to do")
        most, least, after, smallest, largest = [], [], [], [], []
        for turn in range(args.rounds):
            robots = [f"plant{turn}-cell{i // 8}-r{i % 8}" for i in range(args.robots)]
            sizes, loads = loads_of(robots, count, min(instances, count), rng)
            fair = args.robots / len(loads)
            smallest.append(min(sizes))
            largest.append(max(sizes))
            most.append(max(loads) / fair)
            least.append(min(loads) / fair)
            # The dead one's partitions are dealt out one by one to those that own the fewest.
            dead = rng.randrange(len(loads))
            moved = loads[dead] / max(share_out(count, len(loads))[dead], 1)
            rest = loads[:dead] + loads[dead + 1:]
            owned = share_out(count, len(loads))
            owned = owned[:dead] + owned[dead + 1:]
            for _ in range(share_out(count, len(loads))[dead]):
                to = min(range(len(rest)), key=lambda i: owned[i])
                owned[to] += 1
                rest[to] += moved
            after.append(max(rest) / fair)
        mean = statistics.mean
        busy = mean(after) * args.robots / min(instances, count) * args.hz * args.cost_us / 1e6
        print(f"{count:>10}{mean(smallest):>9.0f} to {mean(largest):<5.0f}{mean(least):>12.2f} to {mean(most):.2f}"
              f"{mean(after):>20.2f}{busy:>15.0%}{min(instances, count):>9}")


if __name__ == "__main__":
    main()
