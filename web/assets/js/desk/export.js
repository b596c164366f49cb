// Saving a report as a file: the key goes with the request, so it is no plain link.

import { file } from "./session.js";

const types = { series: "text/csv", services: "text/csv" };

/** save asks for an item's report, as one of the CSV tables or else in JSON, and has the browser keep it. */
export async function save(item, table, button) {
  button.setAttribute("aria-busy", "true");
  try {
    const path = `/v1/items/${encodeURIComponent(item)}/campaign${table ? `?table=${table}` : ""}`;
    const made = await file(path, types[table] ?? "application/json");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(made);
    link.download = `alert-${item}${table ? `-${table}.csv` : ".json"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch {
    button.textContent = `${button.textContent.replace(/ \(failed.*$/, "")} (failed: try again)`;
  } finally {
    button.removeAttribute("aria-busy");
  }
}
