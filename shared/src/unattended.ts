/**
 * A request with this header was made by a page that nobody has touched for a while: it does not prolong the session that it is
 * made with. Whoever leaves it out, as a script would, gains nothing but what using the page would give.
 */
export const unattendedHeader = 'starling-unattended'
