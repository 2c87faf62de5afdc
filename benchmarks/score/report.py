"""The score in words."""

from collections.abc import Iterable

from benchmarks.score.bars import MOST_FALSE_ALERTS, Fired, PolicyScore, Score


def report(score: Score) -> str:
    """Markdown: the policies, the confusers that were told of and why, and what is not as it must be."""
    return "\n".join([*_head(score), *_policies(score), *_confusers(score), *_failures(score)]) + "\n"


def _head(score: Score) -> Iterable[str]:
    yield f"{score.events:,} events of {score.users:,} users in {score.days} days, seed {score.seed}."
    yield ""
    if score.missing:
        yield f"Not staged, for want of people: {', '.join(score.missing)}."
        yield ""


def _policies(score: Score) -> Iterable[str]:
    yield "| policy | incidents | found | recall | right | benign | wrong | precision | delay | p99 | bar | |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    for each in score.policies:
        yield (
            f"| {each.policy} | {each.incidents} | {each.found} | {_share(each.recall)} | {each.right} | "
            f"{each.benign} | {each.wrong} | {_share(each.precision)} | {_time(each.delay_s)} | "
            f"{_time(each.delay_p99_s)} | {each.bar} | {_word(each)} |"
        )
    yield ""
    yield (
        f"False alerts: {score.false_alerts}, {score.false_alerts_rate:.2f} per 1,000 users and day "
        f"(at most {MOST_FALSE_ALERTS})."
    )
    yield ""
    if score.wall_s:
        events, seconds = sum(n for n, _ in score.wall_s), sum(s for _, s in score.wall_s)
        yield (
            f"Delays are in event time. In wall time a day of {events / len(score.wall_s):,.0f} events was published "
            f"and judged in {seconds / len(score.wall_s):.1f} s on average."
        )
        yield ""
    if score.order:
        yield "Told otherwise than in order of time:"
        yield ""
        yield from (f"- {each}" for each in score.order)
        yield ""
    if score.repeated:
        yield f"Judged again: {score.repeated}."
        yield ""


def _confusers(score: Score) -> Iterable[str]:
    staged = sum(row["staged"] for row in score.confusers.values())
    silent = [kind for kind, row in score.confusers.items() if not row["alerts"] and not row["behaviors"]]
    yield f"{staged} confusers of {len(score.confusers)} kinds. Nothing was said of: {', '.join(silent) or 'none'}."
    yield ""
    if score.fired:
        yield "| confuser | told as | by | why |"
        yield "|---|---|---|---|"
        yield from map(_row, score.fired)
        yield ""
    if score.quiet:
        yield "Weighed and not raised: " + "; ".join(f"{word} ({n})" for word, n in score.quiet.items()) + "."
        yield ""
    if score.unlabelled:
        yield "Wrong, and about no confuser:"
        yield ""
        yield "| who | told as | by | why |"
        yield "|---|---|---|---|"
        yield from map(_row, score.unlabelled)
        yield ""


def _failures(score: Score) -> Iterable[str]:
    missed = [f"{policy.policy}: missed {each}" for policy in score.policies for each in policy.missed]
    yield from (f"- {each}" for each in (*missed, *score.failures))
    yield "**Below the bar.**" if score.failures else "All bars are met."


def _row(fired: Fired) -> str:
    why = fired.why.replace("|", "/")
    what = f"{fired.as_what}{'' if fired.verdict == 'benign' else ', wrong'}"
    return f"| {fired.incident or fired.user} | {what} | {fired.policy} | {why} |"


def _word(policy: PolicyScore) -> str:
    if not policy.ok:
        return "**below**"
    return "ok" if policy.incidents else "not asked"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
