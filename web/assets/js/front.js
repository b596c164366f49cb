// The fold of the log as a reader sees it: the last entry of the newest items.

/** size is how many items a ticker keeps. */
export const size = 60;

const shownEarlier = 2; // of a story's earlier items, unasked

export class Front {
  #entries = new Map(); // by item

  /** alone gives each item a card of its own, as a story's page has it. */
  constructor({ alone = false, limit = size } = {}) {
    this.alone = alone;
    this.limit = limit;
  }

  /** keyOf is the card an entry is shown on. */
  keyOf(entry) {
    return this.alone ? entry.item.id : entry.item.story;
  }

  has(id) {
    return this.#entries.has(id);
  }

  /** entry is an item's last entry, if it is kept. */
  entry(id) {
    return this.#entries.get(id);
  }

  get entries() {
    return [...this.#entries.values()].sort((a, b) => b.first - a.first);
  }

  /**
   * apply folds an entry in and returns the keys of the cards that change:
   * none if it is older than what is kept.
   */
  apply(entry) {
    const { id } = entry.item;
    const have = this.#entries.get(id);
    if (have && have.offset >= entry.offset) return [];
    this.#entries.set(id, entry);
    const changed = new Set([this.keyOf(entry)]);
    if (have) changed.add(this.keyOf(have));
    for (const old of this.entries.slice(this.limit)) {
      this.#entries.delete(old.item.id);
      changed.add(this.keyOf(old));
    }
    return [...changed];
  }

  reset(entries) {
    this.#entries.clear();
    for (const e of entries) this.apply(e);
  }

  /** cards is what to show, top first: the newest item of a card leads it. */
  cards() {
    const cards = new Map();
    for (const e of this.entries) {
      const key = this.keyOf(e);
      const card = cards.get(key);
      if (!card) cards.set(key, { key, lead: e, earlier: [], more: [] });
      else (card.earlier.length < shownEarlier ? card.earlier : card.more).push(e);
    }
    return [...cards.values()];
  }
}
