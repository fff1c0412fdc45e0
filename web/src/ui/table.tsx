// SPDX-License-Identifier: GPL-3.0-or-later
// A table that becomes one block a row where the screen is narrow: each cell says its column's name then.
import type { ComponentChildren } from "preact";
import "./table.css";

export interface Column<T> {
  name: string;
  cell: (row: T) => ComponentChildren;
}

export function Table<T>({ label, columns, rows, keyOf }: { label: string; columns: Column<T>[]; rows: T[]; keyOf: (row: T) => string }) {
  return (
    <table class="table">
      <caption class="sr-only">{label}</caption>
      <thead>
        <tr>{columns.map((c) => <th key={c.name} scope="col">{c.name}</th>)}</tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map((c) => <td key={c.name} data-name={c.name}>{c.cell(row)}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
