#!/usr/bin/python3
"""config/fleet as it stands: three NATS nodes, a cell's bridge, the instances' files, and who may do what.

test_config.py ARMWATCH ARMWATCHD; exit code 77: what it needs is not installed.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import plant as plants

try:
    import paho.mqtt.client as mqtt
except ImportError:
    mqtt = None

failures = 0


def check(holds, text):
    global failures
    failures += not holds
    print(f"{'ok' if holds else 'NOT OK'}  {text}", flush=True)


class Peer:
    """A client of MQTT at a node, over TLS."""

    def __init__(self, plant, node, user, password=None, tls=True):
        self.heard, self.code, self.lost = [], None, False
        self.client = mqtt.Client(client_id=f"peer-{user}-{id(self)}", protocol=mqtt.MQTTv311)
        if user:
            self.client.username_pw_set(user, password or plants.read(plant.path("secrets", user + ".password")).strip())
        if tls:
            self.client.tls_set(plant.path("secrets", "ca.crt"))
        self.client.on_connect = lambda c, u, f, code: setattr(self, "code", code)
        self.client.on_message = lambda c, u, m: self.heard.append(m.topic)
        self.client.on_disconnect = lambda *_: setattr(self, "lost", True)
        try:
            self.client.connect(plant.address(node), plants.PORTS["mqtt"])
            self.client.loop_start()
        except OSError:
            self.lost = True
        wait(lambda: self.code is not None or self.lost, 15)

    def subscribe(self, topic, qos=1):
        self.client.subscribe(topic, qos)
        time.sleep(1)

    def end(self):
        self.client.loop_stop()
        self.client.disconnect()


def wait(condition, limit_s=10):
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def check_files(plant, armwatchd, directory):
    for node in plants.NODES:
        argv = [plants.NATS_SERVER, "-t", "-c", plant.path(node, node + ".conf")]
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
        check(result.returncode == 0, f"nats-server -t: {node}.conf {result.stderr.strip() if result.returncode else ''}")
    broken = plant.path("n1", "broken.conf")
    plants.write(broken, plants.read(plant.path("n1", "accounts.conf")).replace("$VIEWER_PASSWORD", "$NOBODY_KNOWS"))
    argv = [plants.NATS_SERVER, "-t", "-c", broken]
    check(subprocess.run(argv, capture_output=True, check=False).returncode != 0, "a password that is missing is refused")
    for name in sorted(os.listdir(plants.CONFIG)):
        if not name.endswith(".json"):
            continue
        home = os.path.join(directory, name + ".d")
        os.makedirs(home)
        for secret, source in (("mqtt-password", "armwatch.password"), ("nats-password", "armwatch.password"),
                               ("ca.crt", "ca.crt")):
            plants.write(os.path.join(home, secret), plants.read(plant.path("secrets", source)))
        plants.write(os.path.join(home, name), plants.read(os.path.join(plants.CONFIG, name)))
        result = subprocess.run([armwatchd, "--check", "--config", os.path.join(home, name)], capture_output=True,
                                text=True, check=False)
        check(result.returncode == 0, f"armwatchd --check: {name} {result.stderr.strip() if result.returncode else ''}")


def check_way(plant):
    """A sample that is sent in the cell comes in its partition, and nowhere else."""
    operator = Peer(plant, "n2", "operator")
    check(operator.code == 0, "an operator is let in at n2")
    operator.subscribe("part/#")
    operator.subscribe("armwatch/robot/+/sample")
    cell = mqtt.Client(client_id="robot", protocol=mqtt.MQTTv5)
    cell.connect(plant.address("cell"), plants.PORTS["cell"])
    cell.loop_start()
    topic = f"part/{plants.partition_of('r1')}/armwatch/robot/r1/sample"

    def arrives():
        cell.publish("armwatch/robot/r1/sample", "{}")
        time.sleep(0.3)
        return topic in operator.heard

    check(wait(arrives, 30), f"a sample from a client of MQTT 5 in the cell comes as {topic}")
    check(set(operator.heard) == {topic}, "and under no other topic")
    operator.heard.clear()
    cell.publish("armwatch/robot/r9/sample", "{}")
    time.sleep(1.5)
    check(not any("r9" in t for t in operator.heard), "one of a robot that is not the cell's does not come")
    cell.loop_stop()
    operator.end()


def check_roles(plant):
    listener = Peer(plant, "n3", "operator")
    for topic in ("armwatch/#", "part/#"):
        listener.subscribe(topic)
    may = {"cell7": ["armwatch/robot/r0/sample"], "viewer": [], "operator": ["armwatch/service/plant-a/control"],
           "armwatch": ["armwatch/robot/r0/alert", "armwatch/robot/r0/state", "armwatch/service/plant-a/status",
                        "armwatch/robot/r0/score"]}
    topics = sorted({t for tops in may.values() for t in tops} | {"armwatch/robot/r9/sample", "other/topic"})
    for user, allowed in may.items():
        for topic in topics:
            listener.heard.clear()
            peer = Peer(plant, "n1", user)
            peer.client.publish(topic, "{}", 0)
            expected = f"part/{plants.partition_of('r0')}/{topic}" if topic.endswith("r0/sample") else topic
            if topic in allowed:
                check(wait(lambda: expected in listener.heard), f"{user} may publish {topic}")
            else:
                time.sleep(0.3)
                check(not listener.heard, f"{user} may not publish {topic}")
            peer.end()
    for user, topic, allowed in (("cell7", "part/#", False), ("cell7", "armwatch/robot/+/alert", True),
                                 ("viewer", "part/#", True), ("armwatch", "part/3/armwatch/robot/+/sample", True)):
        codes = []
        peer = Peer(plant, "n2", user)
        peer.client.on_subscribe = lambda c, u, m, granted: codes.extend(granted)
        peer.subscribe(topic)
        wait(lambda: codes, 3)
        check((codes == [1]) == allowed, f"{user} may {'' if allowed else 'not '}subscribe to {topic} {codes}")
        peer.end()
    listener.end()


def check_fleet(plant):
    """armwatch fleet: nobody, a gap, all of it, a double."""
    code, said = plant.fleet()
    check(code == 1 and "no instance tells of partitions" in said, "armwatch fleet: no instance")
    models = {"models": {"directory": os.path.join(plants.ROOT, "models"), "default": "kuka-sim"}}
    for name, own, expected, says in (("a", "0-11", 1, "without an owner: 12-23 of 24"),
                                      ("b", "12-23", 0, "24 partitions, each with one owner"),
                                      ("c", "3", 1, "partition 3: owned by a and c")):
        plant.start_daemon(name, "n3", partitions={"count": 24, "own": own}, **models)
        wait(lambda: f"{name}         online" in plant.fleet()[1], 20)
        code, said = plant.fleet()
        check(code == expected and says in said, f"armwatch fleet: {says}")
    tree = json.loads(plant.fleet("--json")[1])
    check(tree["doubled"] == [{"partition": 3, "instances": ["a", "c"]}] and not tree["whole"], "armwatch fleet --json")
    plant.daemons["c"].end()
    wait(lambda: plant.fleet()[0] == 0, 10)
    check(plant.fleet()[0] == 0, "armwatch fleet: whole again when the third has stopped")


def check_strangers(plant):
    for text, arguments in (("a wrong password", {"user": "operator", "password": "wrong"}),
                            ("nobody in particular", {"user": None}), ("one without TLS", {"user": "operator", "tls": False})):
        peer = Peer(plant, "n1", **arguments)
        check(peer.code != 0, f"{text} is not let in")
        peer.end()


def main():
    armwatch, armwatchd = sys.argv[1:]
    if not plants.NATS_SERVER or mqtt is None or not os.access("/usr/sbin/mosquitto", os.X_OK):
        print("skipped: nats-server, mosquitto or python3-paho-mqtt is not installed")
        return 77
    with tempfile.TemporaryDirectory(prefix="armwatch-fleet-") as directory:
        plant = plants.Plant(os.path.join(directory, "plant"), 2, 4, armwatch, armwatchd, False)
        try:
            check_files(plant, armwatchd, directory)
            for node in plants.NODES:
                plant.start_node(node)
            plant.start_cell()
            check(wait(lambda: Peer(plant, "n1", "viewer").code == 0, 40), "the cluster lets a viewer in")
            check_way(plant)
            check_roles(plant)
            check_strangers(plant)
            check_fleet(plant)
        finally:
            plant.stop()
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
