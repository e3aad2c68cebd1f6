"use strict";
// Draws each figure when it comes into view, in the colours of the reader's screen; on light for paper.
(() => {
  const found = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const places = [...document.querySelectorAll("[data-chart]")];
  const drawn = new Set();

  const draw = (place, kind) => {
    const figure = found.charts[place.dataset.chart][kind];
    Plotly.react(place, structuredClone(figure.data), structuredClone(figure.layout), found.config);
    drawn.add(place);
  };
  const now = () => (dark.matches ? "dark" : "light");
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !drawn.has(entry.target)) draw(entry.target, now());
    }
  }, { rootMargin: "600px" });

  places.forEach((place) => seen.observe(place));
  dark.addEventListener("change", () => drawn.forEach((place) => draw(place, now())));
  addEventListener("beforeprint", () => {
    places.forEach((place) => draw(place, "light"));
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => places.forEach((place) => draw(place, now())));
})();
