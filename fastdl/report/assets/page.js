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
    const bar = document.querySelector(".bar");
    if (wide.matches && link) bar.scrollTop = link.offsetTop - bar.clientHeight / 2;
    marked = link;
  }
  addEventListener("scroll", mark, { passive: true });
  mark();

  // A figure in its wide form, as large as can be read on a phone, to be moved about.
  const zoom = document.getElementById("zoom");
  document.documentElement.classList.add("scripted");
  document.addEventListener("click", ({ target }) => {
    const figure = target.closest("[data-enlarge]")?.closest("figure");
    if (!figure) return;
    const copy = (figure.querySelector(".wide") ?? figure.querySelector("svg, img")).cloneNode(true);
    copy.classList.remove("wide");
    zoom.querySelector("div").replaceChildren(copy);
    zoom.showModal();
  });
  zoom.querySelector("button").addEventListener("click", () => zoom.close());
  zoom.addEventListener("close", () => zoom.querySelector("div").replaceChildren());

  document.getElementById("theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches && "dark");
    theme.set(dark === "dark" ? "light" : "dark");
  });
})();
