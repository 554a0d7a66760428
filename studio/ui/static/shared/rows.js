// A long list of which only the rows in sight are in the page, so thousands cost no more than thirty.

const MARGIN = 6;

export class Rows {
  /** `draw(item, index)` makes the element of a row, which is `height` px high. */
  constructor(viewport, height, draw) {
    this.viewport = viewport;
    this.height = height;
    this.draw = draw;
    this.items = [];
    this.space = document.createElement("div");
    this.space.className = "rows";
    this.space.setAttribute("role", "presentation");
    viewport.append(this.space);
    viewport.addEventListener("scroll", () => this.render(), { passive: true });
    new ResizeObserver(() => this.render()).observe(viewport);
  }

  set(items) {
    this.items = items;
    this.space.style.height = `${items.length * this.height}px`;
    if (items.length === 0) this.space.replaceChildren(); // no rows are drawn where there is no room
    this.render();
  }

  render() {
    const { scrollTop, clientHeight } = this.viewport;
    if (clientHeight === 0) return;
    const from = Math.max(0, Math.floor(scrollTop / this.height) - MARGIN);
    const to = Math.min(
      this.items.length,
      Math.ceil((scrollTop + clientHeight) / this.height) + MARGIN,
    );
    const shown = this.items.slice(from, to).map((item, place) => {
      const row = this.draw(item, from + place);
      row.style.top = `${(from + place) * this.height}px`;
      row.style.height = `${this.height}px`;
      return row;
    });
    this.space.replaceChildren(...shown);
  }

  scrollTo(index) {
    const top = index * this.height;
    const { scrollTop, clientHeight } = this.viewport;
    if (top < scrollTop) this.viewport.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) {
      this.viewport.scrollTop = top + this.height - clientHeight;
    }
    this.render();
  }
}
