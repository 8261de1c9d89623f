for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const order = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
      const number = (row) => parseFloat(key(row));
      const numeric = head.classList.contains("number");
      const rows = [...body.rows].sort((a, b) => {
        if (!numeric) return order(a, b);
        const [left, right] = [number(a), number(b)];
        return isNaN(left) || isNaN(right) ? isNaN(left) - isNaN(right) : left - right;
      });
      body.append(...(rising ? rows : rows.reverse()));
    });
  });
}
