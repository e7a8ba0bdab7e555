/** A page in one file, written while it is made: no script, nothing from a network, one set of colours for light and one for dark. */
import type * as plotLibrary from '@observablehq/plot';

/** The plotting library, loaded when a page is made and not before. */
export type Plot = typeof plotLibrary;

/** A plot's markup, and what it shows in words. */
export interface Figure {
  readonly title: string;
  readonly caption: string;
  readonly markup: string;
  /** What stands under the caption, a line each: name and text. */
  readonly notes?: readonly (readonly [name: string, text: string])[];
}

/** What is used of an element. */
interface HtmlElement {
  textContent: string;
  className: string;
  innerHTML: string;
  appendChild(child: HtmlElement): void;
}

/** What is used of a document. */
interface HtmlDocument {
  title: string;
  readonly body: HtmlElement;
  createElement(name: string): HtmlElement;
  toString(): string;
}

/** A page that is being written. */
export class HtmlPage {
  readonly plot: Plot;
  /** What the plotting library draws into. */
  readonly document: unknown;
  private readonly html: HtmlDocument;

  private constructor(plot: Plot, html: HtmlDocument) {
    this.plot = plot;
    this.document = html;
    this.html = html;
  }

  /** Begins a page. */
  static async open(title: string): Promise<HtmlPage> {
    const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
    const { document } = parseHTML(FRAME) as unknown as { readonly document: HtmlDocument };
    document.title = title;
    const page = new HtmlPage(plot, document);
    page.heading('h1', title);
    return page;
  }

  heading(name: 'h1' | 'h2', text: string): void {
    this.add(this.html.body, name, text);
  }

  /** A line as it is typed. */
  code(text: string): void {
    this.add(this.add(this.html.body, 'p'), 'code', text);
  }

  /** A line in small print. */
  caption(text: string): void {
    this.add(this.html.body, 'p', text).className = 'caption';
  }

  /** Items, each with a name that stands out. */
  list(
    items: readonly (readonly [name: string, text: string])[],
    parent: HtmlElement = this.html.body,
  ): void {
    const list = this.add(parent, 'ul');
    for (const [name, text] of items) {
      const item = this.add(list, 'li');
      this.add(item, 'strong', name);
      this.add(item, 'span', ` ${text}`);
    }
  }

  /** Figures, one below the other or side by side. */
  figures(made: readonly Figure[], className: 'wide' | 'narrow'): void {
    const grid = this.add(this.html.body, 'div');
    grid.className = className;
    for (const { title, caption, markup, notes = [] } of made) {
      const figure = this.add(grid, 'section');
      this.add(figure, 'h3', title);
      this.add(figure, 'div').innerHTML = markup;
      this.add(figure, 'p', caption).className = 'caption';
      if (notes.length > 0) this.list(notes, figure);
    }
  }

  /** A table; `left` names the columns of text, all others are numbers. */
  table(head: readonly string[], rows: readonly (readonly string[])[], left: readonly string[]): void {
    const scroll = this.add(this.html.body, 'div');
    scroll.className = 'scroll';
    const table = this.add(scroll, 'table');
    const line = (parent: HtmlElement, name: 'th' | 'td', cells: readonly string[]): void => {
      const row = this.add(parent, 'tr');
      cells.forEach((text, column) => {
        const cell = this.add(row, name, text);
        const classes = [
          ...(left.includes(head[column] ?? '') ? ['left'] : []),
          ...(text.length > LINE_MAX ? ['long'] : []),
        ];
        if (classes.length > 0) cell.className = classes.join(' ');
      });
    };
    line(this.add(table, 'thead'), 'th', head);
    const body = this.add(table, 'tbody');
    for (const row of rows) line(body, 'td', row);
  }

  /** The whole page. */
  text(): string {
    return `${this.html.toString()}\n`;
  }

  private add(parent: HtmlElement, name: string, text = ''): HtmlElement {
    const element = this.html.createElement(name);
    element.textContent = text;
    parent.appendChild(element);
    return element;
  }
}

/** A longer text in a cell may have several lines. */
const LINE_MAX = 40;

/** Colours after Okabe and Ito, darker on light pages and lighter on dark ones. */
const FRAME = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title></title>
<style>
:root {
  color-scheme: light dark; --plot-background: transparent;
  --ink: #1b1b1b; --paper: #fff; --faint: #666; --rule: #ddd;
  --series-0: #0072b2; --series-1: #d55e00; --series-2: #007a5e; --series-3: #a3467e;
  --series-4: #8a6d00; --series-5: #3b7ea8; --series-6: #444; --series-7: #9a3412;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e6e6; --paper: #16181c; --faint: #a0a0a0; --rule: #3a3d42;
    --series-0: #56b4e9; --series-1: #f0883e; --series-2: #2fbf95; --series-3: #e08bc0;
    --series-4: #e0c030; --series-5: #9ecbe8; --series-6: #ccc; --series-7: #ff9a76;
  }
}
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
figure { margin: 0; }
svg { max-width: 100%; height: auto; font-size: 12px; }
.narrow { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 0 1.5rem; }
.caption { color: var(--faint); font-size: .85rem; margin: .25rem 0 0; }
section ul { color: var(--faint); font-size: .85rem; margin: .25rem 0 0; padding-left: 1.2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .78rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15rem .45rem; border-bottom: 1px solid var(--rule); vertical-align: top; white-space: nowrap; }
th.left, td.left { text-align: left; }
td.long { white-space: normal; min-width: 12rem; }
code { font-size: .9rem; }
</style>
</head>
<body></body>
</html>`;
