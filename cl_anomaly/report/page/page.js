"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const views = new Map();

  // Columns of equal length, as rows.
  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, place) =>
      Object.fromEntries(names.map((name) => [name, columns[name][place]])));
  };

  const tell = (names, parameter, value) => {
    for (const name of names.split(" ")) {
      views.get(name)?.signal(parameter, value).runAsync();
    }
  };

  const draw = async () => {
    const data = read("data");
    const rows = Object.fromEntries(Object.entries(data).map(([name, columns]) => [name, rowsOf(columns)]));
    for (const [name, spec] of Object.entries(read("figures"))) {
      const place = document.querySelector(`[data-figure="${name}"]`);
      const options = {
        renderer: "svg",
        actions: { export: true, source: false, compiled: false, editor: false },
        tooltip: { theme: "custom" },
        downloadFileName: name,
      };
      const result = await vegaEmbed(place, { ...spec, datasets: { ...spec.datasets, ...rows } }, options);
      views.set(name, result.view);
    }
    document.querySelectorAll("select[data-parameter]").forEach((menu) => {
      const chosen = () => tell(menu.dataset.figures, menu.dataset.parameter, menu.value);
      menu.addEventListener("change", chosen);
      chosen(); // a browser may remember what was chosen
    });
    document.querySelectorAll("fieldset[data-parameter]").forEach(drawLegend);
    document.documentElement.dataset.drawn = "true";
  };

  const drawLegend = (fieldset) => {
    const boxes = [...fieldset.querySelectorAll("input")];
    const chosen = () => tell(fieldset.dataset.figures, fieldset.dataset.parameter,
      boxes.filter((box) => box.checked).map((box) => box.value));
    fieldset.addEventListener("change", chosen);
    fieldset.querySelectorAll("button[data-all]").forEach((button) =>
      button.addEventListener("click", () => {
        boxes.forEach((box) => { box.checked = button.dataset.all === "1"; });
        chosen();
      }));
    chosen();
  };

  // What a cell sorts by: a number, its words in small letters, or nothing where it is missing.
  const keyOf = (cell) => {
    const value = cell.dataset.value ?? cell.textContent.trim().toLowerCase();
    return value === "" ? null : Number.isNaN(Number(value)) ? value : Number(value);
  };

  const sort = (table, place, direction) => {
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [keyOf(row.cells[place]), row]);
    keyed.sort(([one], [other]) => {
      if (one === null || other === null) return (one === null) - (other === null);
      const order = typeof one === "number" && typeof other === "number"
        ? one - other : String(one).localeCompare(String(other), undefined, { numeric: true });
      return direction === "descending" ? -order : order;
    });
    body.append(...keyed.map(([, row]) => row));
    [...table.tHead.rows[0].cells].forEach((cell, column) =>
      cell.setAttribute("aria-sort", column === place ? direction : "none"));
  };

  document.querySelectorAll("thead th").forEach((head) => {
    head.querySelector("button")?.addEventListener("click", () => {
      const way = head.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
      sort(head.closest("table"), head.cellIndex, way);
    });
  });

  document.querySelectorAll(".controls[data-table]").forEach((controls) => {
    const rows = [...document.getElementById(controls.dataset.table).tBodies[0].rows];
    const words = controls.querySelector("input[data-words]");
    const menus = [...controls.querySelectorAll("select[data-key]")];
    const count = controls.querySelector("output");
    const narrow = () => {
      const wanted = words.value.trim().toLowerCase();
      let shown = 0;
      for (const row of rows) {
        const fits = row.textContent.toLowerCase().includes(wanted)
          && menus.every((menu) => menu.value === "" || row.dataset[menu.dataset.key] === menu.value);
        row.hidden = !fits;
        shown += fits;
      }
      count.textContent = `${shown} of ${rows.length} runs`;
    };
    controls.addEventListener("input", narrow);
    narrow();
  });

  document.querySelectorAll("button[data-copy]").forEach((button) => {
    const code = button.parentElement.querySelector("code");
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(code);
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "copied";
      } catch {
        button.textContent = "selected"; // a page from a file may not be allowed to copy
      }
    });
  });

  draw();
})();
