/** The mark: an arched gate with one leaf open. Also the icon of the pages. */

/** SVG text; it has presentation attributes only, since a policy without inline styles holds for it too. */
export const mark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<rect width="64" height="64" rx="14" fill="#0d5f59"/>
<path d="M12 56V30a20 20 0 0 1 40 0v26z" fill="#f4ead7"/>
<path d="M19 56V30a13 13 0 0 1 26 0v26z" fill="#0a2f2d"/>
<path d="M32 17a13 13 0 0 1 13 13v26H32z" fill="#f2b84b"/>
<path d="M32 17v39l-8-4V20.500z" fill="#c98a24"/>
<path d="M12 34h7M45 34h7M12 44h7M45 44h7M14.700 20l6 3.500M49.300 20l-6 3.500M22 12.700l3.500 6M42 12.700l-3.500 6" stroke="#0d5f59" stroke-width="1.600"/>
<circle cx="36" cy="38" r="1.800" fill="#0a2f2d"/>
</svg>
`
