"""The fixed HTML around the picture: which view of it, the frame, the tools and the strip."""

from __future__ import annotations

from studio.ui.markup import TASKS, icon, labelled_button

_SEND_TO = "".join(
    f'<button type="button" data-kind="{kind}">{title}</button>'
    for kind, title in {**TASKS, "controlnet": "ControlNet"}.items()
)

VIEWER = f"""
<section class="viewer" aria-label="Picture" data-state="empty">
  <div class="views" role="group" aria-label="What to look at">
    <button type="button" data-view="source" aria-pressed="true">Source</button>
    <button type="button" data-view="result" aria-pressed="false">Result</button>
    <button type="button" data-view="compare" aria-pressed="false">Compare</button>
    <button type="button" data-view="difference" aria-pressed="false">Difference</button>
    <button type="button" data-view="maps" aria-pressed="false" hidden>Map</button>
  </div>
  <div class="stage">
    <div class="frame">
      <div class="note"></div>
      <div class="badge">Stopped early</div>
      <div class="bar" role="progressbar" aria-label="Progress" aria-valuemin="0"
        aria-valuemax="100"><i></i></div>
    </div>
  </div>
  <div class="welcome"><p>Try</p></div>
  <div class="line">
    <p class="status"></p>
    <button type="button" class="plain undo" hidden>Undo</button>
    <button type="button" class="promise" hidden></button>
    <p class="facts"></p>
    <button type="button" class="plain retry">{icon("again")}Retry</button>
  </div>
  <ul class="warnings" aria-label="Warnings"></ul>
  <div class="tools">
    <div class="batch" role="group" aria-label="Pictures of this batch"></div>
    <div class="actions" role="group" aria-label="What to do with the picture">
      <a class="plain" data-action="download" download aria-label="Download"
        title="Download">{icon("download")}<span>Download</span></a>
      {labelled_button("copy", "Copy settings", "copy")}
      {labelled_button("seed", "Reuse seed", "seed")}
      {labelled_button("apply", "Use these settings", "apply")}
      {labelled_button("input", "Use as input", "input")}
      {labelled_button("send", "Send to", "send")}
    </div>
    <div class="menu-list" popover="auto" aria-label="Send to">{_SEND_TO}</div>
  </div>
  <section class="recent" aria-label="Recent pictures"><div class="strip"></div></section>
  <p class="live" role="status" aria-live="polite"></p>
</section>
"""
