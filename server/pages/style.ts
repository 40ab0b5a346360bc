/** The style sheet of the pages: light and dark, from 320 pixels to a kiosk's screen. Its colours meet WCAG AA. */

/** CSS text. */
export const style = /* css */ `
:root {
  color-scheme: light dark;
  --ground: #efebe3;
  --surface: #fffdf8;
  --sunken: #f5f1e9;
  --ink: #24211c;
  --muted: #625b50;
  --line: #ddd5c7;
  --edge: #8b8376;
  --accent: #0b625c;
  --accent-strong: #084b46;
  --on-accent: #ffffff;
  --danger: #a1261b;
  --danger-ground: #fbe9e6;
  --focus: #0b625c;
  --shadow: 0 1px 2px rgb(60 45 20 / 8%), 0 12px 32px rgb(60 45 20 / 10%);
  font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Cantarell, sans-serif;
}

@media (prefers-color-scheme: dark) {
  :root {
    --ground: #141312;
    --surface: #1f1d1a;
    --sunken: #282521;
    --ink: #ece7dd;
    --muted: #aea698;
    --line: #3a362f;
    --edge: #857d70;
    --accent: #62c8bc;
    --accent-strong: #8bdcd2;
    --on-accent: #06211f;
    --danger: #ffa196;
    --danger-ground: #3b1e1a;
    --focus: #8bdcd2;
    --shadow: 0 1px 2px rgb(0 0 0 / 40%), 0 12px 32px rgb(0 0 0 / 35%);
  }
}

@media (prefers-contrast: more) {
  :root { --line: var(--edge); --muted: var(--ink); --edge: var(--ink); }
}

*, *::before, *::after { box-sizing: border-box; }

body {
  margin: 0;
  min-height: 100vh;
  background: var(--ground);
  color: var(--ink);
  overflow-wrap: anywhere;
  -webkit-text-size-adjust: 100%;
}

h1, h2, p, dl, dd, ul, pre, table { margin: 0; padding: 0; }
ul { list-style: none; }
h1 { font-size: 1.5rem; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; }
h2 { font-size: 1.0625rem; line-height: 1.35; font-weight: 650; }
code, pre { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace; font-size: 0.875em; }
a { color: var(--accent); text-underline-offset: 0.15em; }
a:hover { color: var(--accent-strong); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 0.25rem; }

.unseen {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.skip { position: absolute; left: 0.5rem; top: -4rem; padding: 0.75rem 1rem; background: var(--surface); }
.skip:focus { top: 0.5rem; z-index: 1; }

/* forms */

.stack { display: grid; }
label { margin-top: 1rem; margin-bottom: 0.375rem; font-size: 0.9375rem; font-weight: 550; }

input {
  width: 100%;
  min-height: 2.875rem;
  padding: 0.5rem 0.75rem;
  border: 1px solid var(--edge);
  border-radius: 0.5rem;
  background: var(--surface);
  color: var(--ink);
  font: inherit;
}

input:focus-visible { outline-offset: -1px; border-radius: 0.5rem; }

button {
  min-height: 2.75rem;
  padding: 0.5rem 1rem;
  border: 1px solid transparent;
  border-radius: 0.5rem;
  background: var(--accent);
  color: var(--on-accent);
  font: inherit;
  font-weight: 600;
  cursor: pointer;
}

button:hover { background: var(--accent-strong); }
button:focus-visible { border-radius: 0.5rem; }
.stack button { margin-top: 1.5rem; min-height: 3rem; }

button.quiet, button.danger { background: transparent; border-color: var(--edge); color: var(--ink); font-weight: 500; }
button.quiet:hover { background: var(--sunken); }
button.danger { color: var(--danger); }
button.danger:hover { background: var(--danger-ground); border-color: var(--danger); }

.alert, .note {
  margin-top: 1rem;
  padding: 0.625rem 0.875rem;
  border-left: 0.25rem solid var(--edge);
  border-radius: 0.25rem 0.5rem 0.5rem 0.25rem;
  background: var(--sunken);
  text-align: left;
  white-space: pre-line;
}

.note:empty { margin: 0; padding: 0; border: 0; }
.alert { border-color: var(--danger); background: var(--danger-ground); color: var(--danger); }
.aside { margin-top: 1rem; color: var(--muted); font-size: 0.9375rem; }

/* under the arch: the login and problems */

.gate { display: grid; place-items: center; padding: 1rem; }

.arch, .problem {
  width: 100%;
  max-width: 23rem;
  padding: 3.25rem 2rem 2rem;
  border: 1px solid var(--line);
  border-radius: 50% 50% 1rem 1rem / 9rem 9rem 1rem 1rem;
  background: var(--surface);
  box-shadow: var(--shadow);
  text-align: center;
}

.arch .mark { display: block; margin: 0 auto 1.25rem; border-radius: 0.875rem; }
.arch h1 + p { margin-top: 0.5rem; }
.arch label { text-align: left; }
.problem { padding-top: 5rem; }
.problem p { margin-top: 0.75rem; }
.problem h1::first-letter, .problem p:not(.code)::first-letter { text-transform: uppercase; }
.problem .code { color: var(--muted); font-size: 0.9375rem; }

/* in the house */

.bar {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.5rem 1.25rem;
  padding: 0.625rem max(1rem, calc((100% - 68rem) / 2));
  border-bottom: 1px solid var(--line);
  background: var(--surface);
}

.place { display: flex; align-items: center; gap: 0.625rem; font-weight: 650; }
.place .mark { flex: none; border-radius: 0.4375rem; }
.bar nav { margin-right: auto; }
.bar ul { display: flex; gap: 0.25rem; }
.bar li a { display: block; padding: 0.5rem 0.75rem; border-radius: 0.5rem; color: var(--muted); text-decoration: none; }
.bar li a:hover { color: var(--ink); background: var(--sunken); }
.bar li a[aria-current] { color: var(--ink); font-weight: 600; box-shadow: inset 0 -2px var(--accent); border-radius: 0.5rem 0.5rem 0 0; }

.house main { max-width: 70rem; margin: 0 auto; padding: 1.75rem 1rem 3rem; }
.house main > * + * { margin-top: 1.25rem; }
.lead { max-width: 46rem; }

.card { padding: 1.25rem; border: 1px solid var(--line); border-radius: 0.875rem; background: var(--surface); }
.card > * + * { margin-top: 0.875rem; }
.heading { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0.75rem; }

.facts { display: flex; flex-wrap: wrap; gap: 1rem 1.5rem; }
.facts div { flex: 1 1 11rem; }
.facts div:last-child { flex: 2 1 22rem; }
dt { color: var(--muted); font-size: 0.875rem; }
.chips { display: flex; flex-wrap: wrap; gap: 0.375rem; margin-top: 0.1875rem; }
.chips li { padding: 0.0625rem 0.5rem; border-radius: 0.375rem; background: var(--sunken); }
summary { cursor: pointer; }

table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.625rem 1rem 0.625rem 0; text-align: left; vertical-align: top; font-weight: inherit; }
thead th { padding-top: 0; color: var(--muted); font-size: 0.875rem; }
thead th { white-space: nowrap; }
td[data-label="From"] { min-width: 7rem; }
tbody tr { border-top: 1px solid var(--line); }
tbody th { font-weight: 600; }
tr > :last-child { padding-right: 0; }
.act { text-align: right; }
.act button { min-height: 2.25rem; padding: 0.25rem 0.75rem; white-space: nowrap; }

.badge {
  display: inline-block;
  padding: 0 0.5rem;
  border-radius: 1rem;
  background: var(--accent);
  color: var(--on-accent);
  font-size: 0.8125rem;
  font-weight: 600;
}

.agent { display: block; max-width: 18rem; color: var(--muted); font-size: 0.875rem; font-weight: 400; }

.fingerprint { margin-top: 1.25rem; color: var(--muted); font-size: 0.8125rem; overflow-wrap: anywhere; }

.contents { display: grid; gap: 0.5rem; }
.contents div { display: grid; grid-template-columns: minmax(5rem, 8rem) 1fr; gap: 0.75rem; align-items: baseline; }
.contents ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; }

.operation { scroll-margin-top: 1rem; }
.operation:target { border-color: var(--accent); }
.route, .access { color: var(--muted); }
.method { color: var(--accent); font-weight: 700; }
pre code { font-size: 1em; }
pre { padding: 0.75rem 1rem; border-radius: 0.5rem; background: var(--sunken); overflow-x: auto; white-space: pre; overflow-wrap: normal; }

@media (min-width: 60rem) {
  [data-label="From"] { width: 12rem; }
  .operation table { table-layout: fixed; }
  .operation th:not(:last-child) { width: 18%; }
}

/* narrow: a row becomes a block of its own, each cell with its column's name */

@media (max-width: 44rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, tbody th, tbody td { display: block; }
  tr { padding: 0.75rem 0; }
  tbody th, tbody td { padding: 0.125rem 0; }
  tbody td[data-label] { position: relative; padding-left: 6.75rem; }
  tbody td:empty { display: none; }
  td[data-label]::before { position: absolute; left: 0; line-height: 1.7; content: attr(data-label); content: attr(data-label) / ""; color: var(--muted); font-size: 0.875rem; }
  .act { text-align: left; }
  .act form { margin-top: 0.5rem; }
  .act button, .heading form, .heading button { width: 100%; min-height: 2.75rem; }
  .agent { max-width: none; }
}

@media (max-width: 24rem) {
  .arch, .problem { padding-left: 1.25rem; padding-right: 1.25rem; }
  .place { margin-right: auto; }
  .bar nav { order: 1; width: 100%; margin-left: -0.75rem; }
  .contents div { grid-template-columns: 1fr; gap: 0; }
}

/* a kiosk's screen is read from further away */

@media (min-width: 120rem) and (min-height: 60rem) {
  :root { font-size: 125%; }
}

@media (prefers-reduced-motion: no-preference) {
  a, button, input { transition: background-color 120ms, border-color 120ms, color 120ms; }
  html { scroll-behavior: smooth; }
}
`.trimStart()
