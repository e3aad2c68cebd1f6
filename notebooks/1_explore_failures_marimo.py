import marimo

app = marimo.App(width="medium")


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    # Explore failures, in marimo

    Why do invitations fail, and who has to act? This is the first notebook, but every cell follows what you choose
    above it. It shows counts; names of managers and tags are for you, not for sharing.
    """)


@app.cell
def _():
    import datetime as dt

    import marimo as mo

    import invitekit as ik
    from invitekit import charts
    from invitekit.planning import count_decisions
    from invitekit.report import summarise

    return charts, count_decisions, dt, ik, mo, summarise


@app.cell(hide_code=True)
def _(dt, mo):
    folder = mo.ui.text(str(mo.notebook_dir().parent / "data"), label="Folder with the exports", full_width=True)
    day = mo.ui.date(dt.date(2026, 3, 30), label="Date for ages and expiry")
    period = mo.ui.dropdown(["day", "week", "month"], "week", label="Periods of the trend")
    mo.vstack([folder, mo.hstack([day, period], justify="start")])
    return day, folder, period


@app.cell(hide_code=True)
def _(mo):
    mo.md("What was read: rows read always equal records plus rejects, and each rejected row has its reason.")


@app.cell
def _(folder, ik, mo):
    loaded = ik.load(folder.value)
    mo.plain(loaded)
    return (loaded,)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    The findings in words, as in the report. A group or a week is named only if it differs from all others by
    more than chance, after a correction for all comparisons.
    """)


@app.cell
def _(charts, count_decisions, day, ik, loaded, mo, period, summarise):
    annotated = ik.annotate(loaded, as_of=day.value)
    plan = count_decisions(ik.plan_resends(annotated, as_of=day.value, rejected=loaded.rejects))
    look = charts.Look()
    findings = summarise(ik.progress(annotated, as_of=day.value, period=period.value), plan, look)
    mo.md("\n".join(f"- {finding}" for finding in findings))
    return annotated, look, plan


@app.cell(hide_code=True)
def _(mo):
    mo.md("What is open, and who has to act: customers who are not associated, by the decisions of the plan.")


@app.cell
def _(charts, look, plan):
    charts.to_do(plan.by_list, look)


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    The invitations, each once by its newest state. Search, filter, drag over the days, open a customer to see every
    attempt. The figures below follow the invitations shown here.
    """)


@app.cell
def _(annotated, day, ik, mo):
    explorer = mo.ui.anywidget(ik.Explorer(annotated, as_of=day.value))
    explorer
    return (explorer,)


@app.cell
def _(annotated, charts, day, explorer, ik, mo, period):
    explorer.value  # changes with each filter and selection: that runs this cell again
    choice = explorer.widget.filter
    chosen = ik.progress(ik.where(annotated, choice), as_of=day.value, period=period.value)
    chosen_look = charts.Look(choice)
    mo.md(f"{explorer.widget.count:,} invitations shown, {explorer.widget.selected.height:,} selected. {choice}")
    return chosen, chosen_look


@app.cell
def _(charts, chosen, chosen_look):
    charts.pareto(chosen.pareto, chosen_look)


@app.cell
def _(charts, chosen, chosen_look, period):
    charts.trend(chosen.trend, None, chosen_look, period=period.value)


@app.cell
def _(charts, chosen, chosen_look):
    charts.groups(chosen.by_country, "country", chosen_look)


if __name__ == "__main__":
    app.run()
