"""Every network as published beside its deploy forms: time, memory, change of the score, share of the peak.

All forms of a network take turns in one process, so that a busy moment of the machine meets them alike;
speeds are medians of the ratios within a turn. Beside the time on the clock stands the processor time of
all threads, on a busy machine the more honest of the two. "Plain" is the network as its authors run it:
rows of pixels a channel, memory handed back to the system at every step. The others keep freed memory, as
the program does (`crackcore.inference.kept_memory`); "plain, memory kept" shows how much comes from that.

Peak memory is the high-water mark of a process of its own while it looks at one picture, above what it held
before (program and weights). Work is counted (`crackcore.models.measuring`): that of the plain network for
the plain one, what is left of it for a deploy form. The machine's peak is measured in the same turns: the
best of a product of matrices and a convolution; shares of it are by processor time.

The score of a deploy form is compared with that of the plain network in channels-last order of memory,
"score change"; "of plain by order of memory" is how far the plain network differs from itself between that
order and its usual one. DeepCrack's pooling remembers where its maxima were: where two values are nearly
equal, the last bit of a sum decides, and a large value moves by a pixel.

Run by itself (`python -m tests.benchmarks.deploy NAME ...`) it looks at some networks only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.benchmarks.figures import Figure, in_a_child

# side of the picture in photo pixels, and turns; networks that enlarge do sixteen times the work on each
CASES = {
    "cgnet_m3n21": (512, 7),
    "deepcrack_tip": (512, 5),
    "deepcrack_tip_paper": (512, 3),
    "deepcrack_liu": (512, 5),
    "unet16": (512, 3),
    "pspnet": (448, 3),
    "dbpn": (64, 3),
    "kbpn": (32, 3),
    "cssr": (64, 3),
    "csbsr": (32, 3),
}
FORMS = ("plain", "plain, memory kept", "float32", "bfloat16")
TARGETS = {("deepcrack_tip", "float32"): 5.5, ("deepcrack_tip", "bfloat16"): 9.5}  # times faster than plain
MOST_CHANGE = {"float32": 1e-4, "bfloat16": 3e-2}
SHARE_OF_PEAK = 0.6

SET_UP = """
import contextlib, copy, json, sys, time
import numpy as np
import torch
from crackcore.inference.kept_memory import kept_memory
from crackcore.inference.network_input import network_input
from crackcore.domain.model_spec import ModelSpec
from crackcore.models.catalogue import DEFAULT_MODEL, find_model, known_architecture
from crackcore.models.deploy import deploy_form
from crackcore.models.devices import usable_cores
from crackcore.models.measuring import gflop
from crackcore.models.model_files import load_network
from tests.benchmarks.figures import PeakMemory, large_picture
from tests.rule_weights import rule_made

name, side = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(usable_cores())
known = known_architecture(name)[0]
plain = load_network(find_model(DEFAULT_MODEL)) if name == "cgnet_m3n21" else rule_made(name)
spec = ModelSpec("m", name, preprocessing=known.preprocessing, multiple_px=1, minimum_px=1)
picture = network_input(np.ascontiguousarray(large_picture(side, side)), spec)
"""

SPEED = (
    SET_UP
    + """
turns = int(sys.argv[3])
forms = {"plain": plain, "plain, memory kept": plain}
forms.update({p: deploy_form(plain, precision=p) for p in ("float32", "bfloat16")})

def score(form, memory_format=torch.contiguous_format):
    outputs = form(picture.contiguous(memory_format=memory_format))
    found = dict(zip(known.outputs, (outputs,) if isinstance(outputs, torch.Tensor) else outputs))
    value = found[known.score or known.outputs[0]]
    turned = {"softmax": lambda v: v.softmax(1), "sigmoid": torch.sigmoid, "none": lambda v: v.clamp(0, 1)}
    return turned[known.activation](value)

def taken(step, memory):
    with memory():
        clock, processor = time.perf_counter(), time.process_time()
        step()
        return time.perf_counter() - clock, time.process_time() - processor

def work(form):
    with torch.inference_mode():
        return gflop(form.to("meta"), height_px=side, width_px=side)

square = torch.rand(2048, 2048)
wide = torch.rand(1, 256, 128, 128).contiguous(memory_format=torch.channels_last)
kernel = torch.rand(256, 256, 3, 3).contiguous(memory_format=torch.channels_last)
peaks = {}
for p in ("float32", "bfloat16"):
    a, w, m = (v.to(getattr(torch, p)) for v in (wide, kernel, square))
    peaks[p] = [
        (2 * 9 * 256 * 256 * 128 * 128, lambda a=a, w=w: torch.nn.functional.conv2d(a, w, padding=1)),
        (2 * 2048**3, lambda m=m: m @ m),
    ]
seconds = {form: [] for form in forms}
processor = {form: [] for form in forms}
rates = {p: [] for p in peaks}
with torch.inference_mode():
    usual = score(plain)
    want = score(copy.deepcopy(plain).to(memory_format=torch.channels_last), torch.channels_last)
    change = {p: float((score(forms[p]) - want).abs().max()) for p in ("float32", "bfloat16")}
    change["plain"] = float((usual - want).abs().max())
    for turn in range(turns):
        for form, network in forms.items():
            memory = contextlib.nullcontext if form == "plain" else kept_memory
            wall, cpu = taken(lambda: network(picture), memory)
            seconds[form].append(wall)
            processor[form].append(cpu)
        for p, steps in peaks.items():
            for operations, step in steps:
                taken_now = [taken(step, kept_memory) for _ in range(3)]
                rates[p].append([operations / 1e9 / min(column) for column in zip(*taken_now)])
facts = {"seconds": seconds, "processor": processor, "change": change}
facts["peak"] = {p: [max(column) for column in zip(*found)] for p, found in rates.items()}
facts["work"] = {form: work(deploy_form(plain, precision=form)) for form in ("float32", "bfloat16")}
facts["work"]["plain"] = work(plain)
print(json.dumps(facts))
"""
)

MEMORY = (
    SET_UP
    + """
form = plain if sys.argv[3] == "plain" else deploy_form(plain, precision=sys.argv[3])
del plain
with torch.inference_mode():
    form(picture[:, :, :32, :32])
    with kept_memory():  # its end gives back what loading left free, which would hide a need
        pass
    memory = PeakMemory()
    with contextlib.nullcontext() if sys.argv[3] == "plain" else kept_memory():
        form(picture)
    print(json.dumps(memory.above_mib()))
"""
)


def measure(names: tuple[str, ...] = ()) -> Iterator[Figure]:
    for name in names or tuple(CASES):
        side, turns = CASES[name]
        case = f"{name} {side}x{side}"
        facts = in_a_child(SPEED, name, side, turns)
        yield from _speeds(name, case, side, facts)
        for form in ("plain", "float32", "bfloat16"):
            above = in_a_child(MEMORY, name, side, form)
            yield Figure("peak memory above weights", f"{case}, {form}", above, "MiB")


def _speeds(name: str, case: str, side: int, facts: dict[str, Any]) -> Iterator[Figure]:
    megapixels = side * side / 1e6
    seconds = {form: np.array(facts["seconds"][form]) for form in FORMS}
    processor = {form: np.array(facts["processor"][form]) for form in FORMS}
    turns = len(seconds["plain"])
    for form in FORMS:
        here = f"{case}, {form}"
        yield Figure(
            "time per megapixel", here, float(np.median(seconds[form])) / megapixels, "s/MP", None, turns
        )
        if form != "plain":
            ratio = float(np.median(seconds["plain"] / seconds[form]))
            target = TARGETS.get((name, form))
            yield Figure("faster than plain", here, ratio, "times", None, turns, at_least=target)
            ratio = float(np.median(processor["plain"] / processor[form]))
            yield Figure("faster than plain, processor", here, ratio, "times", None, turns)
        precision = "bfloat16" if form == "bfloat16" else "float32"
        if form in MOST_CHANGE:
            change, most = 1e6 * facts["change"][form], 1e6 * MOST_CHANGE[form]
            yield Figure("score change", here, change, "millionths", at_most=most)
        work = facts["work"]["plain" if form.startswith("plain") else form]
        yield Figure("rate", here, work / float(np.median(seconds[form])), "GFLOP/s", None, turns)
        least = SHARE_OF_PEAK if (name, form) in TARGETS else None
        share = work / float(np.median(processor[form])) / facts["peak"][precision][1]
        yield Figure("share of the peak", here, share, "", None, turns, at_least=least)
    yield Figure("of plain by order of memory", case, 1e6 * facts["change"]["plain"], "millionths")
    for precision, (rate, _) in facts["peak"].items():
        yield Figure("peak of this machine", f"{case}, {precision}", rate, "GFLOP/s", None, turns)


if __name__ == "__main__":
    from tests.benchmarks.__main__ import table

    print(table({"deploy": list(measure(tuple(sys.argv[1:])))}))
