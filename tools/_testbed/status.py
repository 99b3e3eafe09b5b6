# SPDX-License-Identifier: Apache-2.0
"""What is built, what runs, what works."""

import click

from _testbed.facts import FACTS
from _testbed.image import TARGETS, content_hash, image_name
from _testbed.inside import Testbed
from _testbed.lifecycle import runs
from _testbed.places import HOSTS, Host
from _testbed.pool import Pool


def show_status(testbed: Testbed) -> bool:
    """Print the state; True when the testbed is up, current and complete."""
    content = content_hash()
    good = [show_image(testbed, target, content) for target in TARGETS]
    running = [show_host(testbed, host, content) for host in HOSTS]
    if all(running):
        good += [show(fact.holds(testbed), fact.what) for fact in FACTS]
    if all(good) and all(running):
        show_work(testbed)
    return all(good) and all(running)


def show(good: bool, text: str) -> bool:
    click.echo(f"{'ok ' if good else 'NO '} {text}")
    return good


def show_image(testbed: Testbed, target: str, content: str) -> bool:
    built = testbed.engine.has("image", image_name(target, content))
    return show(built, f"image {target} {content} is built")


def show_host(testbed: Testbed, host: Host, content: str) -> bool:
    return show(runs(testbed.engine, host, content), f"host {host.name} runs that image")


def show_work(testbed: Testbed) -> None:
    pool = Pool(testbed)
    jobs, pilots, slots = pool.user_jobs(), pool.pilots(), pool.slots()
    click.echo(f"    {len(jobs)} jobs of users, {len(pilots)} pilots, {len(slots)} slots")
