// The table of contents and the switch between light and dark.
(() => {
  const contents = document.getElementById("contents");
  const wide = matchMedia("(min-width: 70rem)");
  const fit = () => (contents.open = wide.matches);
  fit();
  wide.addEventListener("change", fit);
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a") && !wide.matches) contents.open = false;
  });

  const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const parts = [...document.querySelectorAll("main section[id]")].filter((part) => links.has(part.id));
  let marked = null;
  function mark() {
    const passed = parts.filter((part) => part.getBoundingClientRect().top < innerHeight / 3);
    const link = links.get(passed.at(-1)?.id);
    if (link === marked) return;
    marked?.removeAttribute("aria-current");
    link?.setAttribute("aria-current", "true");
    if (wide.matches) link?.scrollIntoView({ block: "nearest" });
    marked = link;
  }
  addEventListener("scroll", mark, { passive: true });
  mark();

  document.getElementById("theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches && "dark");
    theme.set(dark === "dark" ? "light" : "dark");
  });
})();
