// Paper is white: print in the light colours, whatever the screen shows.
const page = document.documentElement;
let onScreen;
matchMedia("print").addEventListener("change", (print) => {
  if (print.matches) onScreen = page.dataset.theme;
  page.dataset.theme = print.matches ? "light" : onScreen;
});
