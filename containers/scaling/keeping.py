"""What a policy that was changed may keep of what was remembered for the former one. Pure."""

from __future__ import annotations

from containers.scaling.shape import Memory, Policy, Track


def kept(memory: Memory, before: Policy, after: Policy) -> Memory:
    """Windows of loads by which the same is decided as before. What a longer window would need and was thrown away is not there:
    it goes back as far as the former one did.
    """
    if (before.tolerance, before.over) != (after.tolerance, after.over):
        return Memory(memory.seen, memory.since)
    targets = {one.metric: one.target for one in before.loads}
    reach = memory.seen - before.window
    tracks = {
        one.metric: _clipped(track, reach) if after.window > before.window else track
        for one in after.loads
        if targets.get(one.metric) == one.target and (track := memory.tracks.get(one.metric)) is not None
    }
    return Memory(memory.seen, memory.since, tracks)


def _clipped(track: Track, since: float) -> Track:
    return Track(max(track.since, since), track.peaks)
