"""The fixed HTML of the Models tab and of the list that every menu of models opens."""

from __future__ import annotations

from studio.ui.markup import icon, icon_button

_SCRIPT_ICONS = ("chevron", "close", "plus", "trash", "link")
"""Icons that scripts put into what they make."""

PICKER = f"""
<template class="icons">
  {"".join(f'<i data-icon="{name}">{icon(name)}</i>' for name in _SCRIPT_ICONS)}
</template>
<div class="picker" popover="auto">
  <div class="search">{icon("search")}
    <input type="search" role="combobox" aria-label="Search" aria-expanded="true"
      aria-autocomplete="list" aria-controls="picker-list" autocomplete="off" spellcheck="false">
  </div>
  <div class="picker-list" id="picker-list" role="listbox" aria-label="Choices"></div>
  <p class="picker-empty"></p>
</div>
"""

CATALOG = f"""
<section class="catalog" aria-label="Models">
  <div class="catalog-main">
    <div class="catalog-bar">
      <div class="search">{icon("search")}
        <input type="search" placeholder="Search name, trigger word, note, hash"
          aria-label="Search models" autocomplete="off" spellcheck="false">
      </div>
      <select aria-label="Family"></select>
      {icon_button("again", "Look at the folders again", "refresh")}
      <button type="button" class="plain framed" data-action="download" aria-expanded="false">
        {icon("download")}<span>Download</span></button>
    </div>
    <form class="download" hidden>
      <div class="download-fields">
        <label for="download-source">From</label>
        <input type="text" id="download-source" name="source" required maxlength="2000"
          autocomplete="off" spellcheck="false"
          placeholder="owner/name, owner/name/file.safetensors, or https://…">
        <label for="download-sha256">SHA256</label>
        <input type="text" id="download-sha256" name="sha256" maxlength="64" autocomplete="off"
          spellcheck="false" placeholder="Optional: what the file must be">
      </div>
      <p class="objection" role="alert"></p>
      <button type="submit" class="primary small">Start download</button>
    </form>
    <div class="downloads" aria-label="Downloads"></div>
    <div class="kinds" role="group" aria-label="Kind"></div>
    <div class="table" role="grid" aria-label="Models">
      <div class="table-head" role="row"></div>
      <div class="table-body" role="rowgroup" tabindex="0" aria-label="List of models"></div>
      <p class="table-empty"></p>
    </div>
    <p class="catalog-foot" role="status"></p>
  </div>
  <aside class="details" aria-label="Details"></aside>
</section>
"""
